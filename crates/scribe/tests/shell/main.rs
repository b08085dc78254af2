//! The real scribe as a real process, with real FIFOs and files.

mod files;
mod flood;
mod forms;
mod gaps;
mod house;
mod keep;
mod lanes;
mod life;
mod lines;
mod pairs;

use std::process::ExitCode;

type Test = (&'static str, fn());

const TESTS: &[Test] = &[
    ("flood::every_line_arrives", flood::every_line_arrives),
    ("flood::killed_forty_times", flood::killed_forty_times),
    ("flood::rotation_keeps_every_line", flood::rotation_keeps_every_line),
    ("flood::rotation_while_killed", flood::rotation_while_killed),
    ("flood::two_lives_keep_lines_whole", flood::two_lives_keep_lines_whole),
    ("flood::two_lives_while_killed", flood::two_lives_while_killed),
    ("flood::two_thousand_streams", flood::two_thousand_streams),
    ("files::removed_renamed_truncated", files::removed_renamed_truncated),
    ("files::partial_last_line", files::partial_last_line),
    ("files::full_disk", files::full_disk),
    ("files::wrong_kinds", files::wrong_kinds),
    ("files::torn_index", files::torn_index),
    ("files::rotation_by_hand_and_count", files::rotation_by_hand_and_count),
    ("files::removed_renamed_truncated_in_a_loop", files::removed_renamed_truncated_in_a_loop),
    ("forms::random_bytes", forms::random_bytes),
    ("forms::killed_forty_times", forms::killed_forty_times),
    ("forms::a_line_of_a_gigabyte", forms::a_line_of_a_gigabyte),
    ("forms::a_full_fifo_of_few_bytes", forms::a_full_fifo_of_few_bytes),
    ("forms::two_streams_in_one_file", forms::two_streams_in_one_file),
    ("forms::closed_and_handed_on", forms::closed_and_handed_on),
    ("forms::ended_while_nobody_looked", forms::ended_while_nobody_looked),
    ("gaps::full_disk", gaps::full_disk),
    ("gaps::full_disk_forms", gaps::full_disk_forms),
    ("gaps::reopen_and_clear", gaps::reopen_and_clear),
    ("keep::compressed_under_flood", keep::compressed_under_flood),
    ("keep::compressed_while_killed", keep::compressed_while_killed),
    ("keep::backlog_and_leftovers", keep::backlog_and_leftovers),
    ("keep::no_room_to_compress", keep::no_room_to_compress),
    ("keep::by_age", keep::by_age),
    ("keep::budget", keep::budget),
    ("lanes::a_disk_that_hangs", lanes::a_disk_that_hangs),
    ("lanes::finish_while_it_hangs", lanes::finish_while_it_hangs),
    ("lanes::as_if_it_were_one", lanes::as_if_it_were_one),
    ("lanes::nobody_listens", lanes::nobody_listens),
    ("lanes::a_stream_moves", lanes::a_stream_moves),
    ("pairs::killed_twenty_times", pairs::killed_twenty_times),
    ("life::idle_means_no_wake_ups", life::idle_means_no_wake_ups),
    ("life::signals_end_it_with_zero", life::signals_end_it_with_zero),
    ("life::keeper_gone", life::keeper_gone),
    ("life::finish", life::finish),
    ("life::sealed_again", life::sealed_again),
    ("life::nonsense_is_ignored", life::nonsense_is_ignored),
    ("life::grew_while_watched", life::grew_while_watched),
];

/// Run when asked for by name only.
const BENCHES: &[Test] =
    &[("bench::against_cat", flood::bench_against_cat), ("bench::many", flood::bench_many), ("bench::forms", forms::bench)];

fn main() -> ExitCode {
    if std::env::var_os(house::CHILD).is_some() {
        return scribe::main(std::env::args_os().skip(1));
    }
    let args: Vec<String> = std::env::args().skip(1).collect();
    let given = |word: &str| args.iter().any(|arg| arg == word);
    if given("--list") {
        // A runner asks `--list --format terse`, and once more with `--ignored`: none is.
        let listed = if given("--ignored") { &[] } else { TESTS };
        listed.iter().for_each(|(name, _)| println!("{name}: test"));
        return ExitCode::SUCCESS;
    }
    let filters: Vec<&String> = args.iter().filter(|arg| !arg.starts_with('-')).collect();
    let means = |name: &str, filter: &str| if given("--exact") { name == filter } else { name.contains(filter) };
    let wanted = |name: &str| filters.iter().any(|filter| means(name, filter));
    let tests = TESTS.iter().filter(|(name, _)| filters.is_empty() || wanted(name));
    let chosen: Vec<&Test> = tests.chain(BENCHES.iter().filter(|(name, _)| wanted(name))).collect();
    sys::process::raise_nofile();
    let mut failed = Vec::new();
    for (name, test) in &chosen {
        let ok = std::panic::catch_unwind(test).is_ok();
        println!("test {name} ... {}", if ok { "ok" } else { "FAILED" });
        if !ok {
            failed.push(name);
        }
    }
    println!("\n{} passed, {} failed {failed:?}", chosen.len() - failed.len(), failed.len());
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
