//! Every example in README.md and docs/ is run.
//!
//! A page is a play in one folder and one home. ```toml, ```yaml or ```json whose first line is `# file: NAME` (`//` in JSON) is
//! written to the file NAME and checked by `abide validate`; ```sh likewise, made executable. ```console is run: each line with `$ ` in front is a command for `sh`, what
//! stands below it is what it prints, where `…` stands for anything within a line and a line of its own that is `…` for any lines. A
//! command that ends with `# exit N` must end so; every other must end with 0. Blocks of other languages are prose.

use e2e::{House, run, workspace_root};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// One fenced block.
struct Block {
    language: String,
    line: usize,
    text: String,
}

fn blocks(page: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (number, line) in page.lines().enumerate() {
        match (line.trim_end().strip_prefix("```"), open.as_mut()) {
            (Some(language), None) => {
                open = Some(Block { language: language.to_owned(), line: number + 1, text: String::new() });
            }
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (None, Some(block)) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block is not closed");
    blocks
}

/// Whether a printed line is what the page says: `…` stands for anything, runs of blanks are equal.
fn line_matches(wanted: &str, got: &str) -> bool {
    let fold = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let (wanted, got) = (fold(wanted), fold(got));
    let mut parts = wanted.split('…');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = got.strip_prefix(first) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

fn lines_match(wanted: &[&str], got: &[&str]) -> bool {
    match (wanted.split_first(), got.split_first()) {
        (None, None) => true,
        (Some((&"…", wanted)), _) => (0..=got.len()).any(|skip| lines_match(wanted, &got[skip..])),
        (Some((first, wanted)), Some((line, got))) => line_matches(first, line) && lines_match(wanted, got),
        _ => false,
    }
}

/// Commands of a block, each with what it prints and its exit code.
fn commands(text: &str) -> Vec<(String, Vec<&str>, i32)> {
    let mut all: Vec<(String, Vec<&str>, i32)> = Vec::new();
    for line in text.lines() {
        match (line.strip_prefix("$ "), all.last_mut()) {
            (Some(command), _) => {
                let (command, code) = match command.split_once("# exit ") {
                    Some((command, code)) => (command.trim_end(), code.trim().parse().expect("a number")),
                    None => (command, 0),
                };
                all.push((command.to_owned(), Vec::new(), code));
            }
            (None, Some((_, printed, _))) => printed.push(line),
            (None, None) => panic!("the block does not begin with a command: {line}"),
        }
    }
    all
}

fn perform(page: &Path, house: &House) {
    let text = fs::read_to_string(page).expect("a page");
    let name = page.file_name().unwrap_or_default().to_string_lossy().into_owned();
    for block in blocks(&text) {
        let at = format!("{name}:{}", block.line);
        match block.language.as_str() {
            "toml" | "yaml" | "json" | "sh" => write_file(house, &block, &at),
            "console" => {
                for (command, printed, code) in commands(&block.text) {
                    let mut shell = house.plain("sh");
                    let path = std::env::var("PATH").unwrap_or_default();
                    shell.env("PATH", format!("{}:{path}", house.bins().dir().display()));
                    shell.env("ABIDE_HOME", house.home()).env("HELLO_BIN", house.bins().dir()).env("HELLO_PORT", "0");
                    shell.env("EXAMPLES", workspace_root().join("examples"));
                    shell.arg("-c").arg(format!("exec 2>&1; {command}"));
                    let done = run(shell, Duration::from_secs(60));
                    assert_eq!(done.code, Some(code), "{at}: `{command}` printed\n{}", done.out);
                    let mut got: Vec<&str> = done.out.lines().map(str::trim_end).collect();
                    while got.last().is_some_and(|line| line.is_empty()) {
                        got.pop();
                    }
                    let wanted: Vec<&str> = printed.iter().map(|line| line.trim_end()).collect();
                    assert!(
                        lines_match(&wanted, &got),
                        "{at}: `{command}` printed\n{}\n--- and the page says\n{}",
                        got.join("\n"),
                        wanted.join("\n")
                    );
                }
            }
            _ => {}
        }
    }
}

fn write_file(house: &House, block: &Block, at: &str) {
    let is_config = block.language != "sh";
    let name = |line| str::strip_prefix(line, "# file: ").or_else(|| line.strip_prefix("// file: "));
    let Some(file) = block.text.lines().find_map(name) else {
        assert!(!is_config, "{at}: say `# file: NAME` in the first line, so that it can be tried");
        return;
    };
    let file = file.trim();
    fs::create_dir_all(house.file(file).parent().expect("it is in the work folder")).expect("a folder for it");
    let path = house.write(file, &block.text);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("chmod");
    if is_config {
        let done = house.abide(["validate", file]);
        assert_eq!(done.code, Some(0), "{at}: {}{}", done.out, done.err);
    }
}

fn pages() -> Vec<PathBuf> {
    let root = workspace_root();
    let mut pages = vec![root.join("README.md")];
    let found = fs::read_dir(root.join("docs")).expect("docs/").flatten().map(|entry| entry.path());
    pages.extend(found.filter(|path| path.extension().is_some_and(|e| e == "md")));
    pages.sort();
    pages
}

/// In so many tests, so that none of them takes long.
const PARTS: usize = 4;

fn every_example_of_part(part: usize) {
    let pages = pages();
    assert!(pages.len() > PARTS, "{pages:?}");
    for page in pages.into_iter().skip(part).step_by(PARTS) {
        let house = House::new();
        eprintln!("{}", page.display());
        perform(&page, &house);
    }
}

#[test]
fn every_example_runs_as_the_page_says() {
    every_example_of_part(0);
}

#[test]
fn every_example_of_the_second_part() {
    every_example_of_part(1);
}

#[test]
fn every_example_of_the_third_part() {
    every_example_of_part(2);
}

#[test]
fn every_example_of_the_last_part() {
    every_example_of_part(PARTS - 1);
}

#[test]
fn the_matcher_can_fail() {
    assert!(line_matches("a … c", "a b   c"));
    assert!(line_matches("pid …, …s", "pid 12, 4s"));
    assert!(!line_matches("a … d", "a b c"));
    assert!(!line_matches("abc", "abcd"));
    assert!(lines_match(&["x", "…", "y"], &["x", "1", "2", "y"]));
    assert!(!lines_match(&["x", "y"], &["x"]));
    assert!(!lines_match(&["x"], &["x", "y"]));
    assert_eq!(commands("$ a # exit 3\nb\n$ c\n").len(), 2);
}
