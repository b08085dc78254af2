//! Names of the files beside a log file, and how many there are. The scribe makes them, whoever reads logs finds them.

/// More rotated files of one log than anybody keeps.
const PLACES: usize = 10_000;

/// The index beside a log file, current or rotated.
pub fn index_path(log: &str) -> String {
    format!("{log}.idx")
}

/// The n-th rotated file; 1 is the newest.
pub fn rotated_path(log: &str, n: usize) -> String {
    format!("{log}.{n}")
}

/// The same after it has been compressed.
pub fn zipped_path(rotated: &str) -> String {
    format!("{rotated}.gz")
}

/// What a rotated file is compressed into, until it is whole. There is one such name for each log, so what a crash leaves is found again
/// and is never more than one file.
pub fn unfinished_path(log: &str) -> String {
    format!("{log}.1.gz.tmp")
}

/// What stands at the places of rotated files, from 1 on, as far as there is anything. One empty place is looked across: a rotation that is
/// under way or was cut short leaves its gap there, and what lies beyond it is older, not foreign. Two in a row are the end, for no rotation
/// makes a gap wider or a second one.
pub fn places<T>(mut at: impl FnMut(usize) -> T, is_empty: impl Fn(&T) -> bool) -> Vec<T> {
    let mut found = Vec::new();
    for n in 1..PLACES {
        let place = at(n);
        if is_empty(&place) && found.last().is_some_and(&is_empty) {
            break;
        }
        found.push(place);
    }
    while found.last().is_some_and(&is_empty) {
        found.pop();
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let rotated = rotated_path("logs/web-0.out.log", 3);
        assert_eq!(rotated, "logs/web-0.out.log.3");
        assert_eq!((zipped_path(&rotated), index_path(&rotated)), (format!("{rotated}.gz"), format!("{rotated}.idx")));
        assert_eq!(unfinished_path("l"), "l.1.gz.tmp");
    }

    #[test]
    fn one_gap_is_looked_across() {
        for (there, found) in
            [("", ""), ("x", "x"), ("-x", "-x"), ("x-x", "x-x"), ("x--x", "x"), ("x-x-x--x", "x-x-x"), ("--x", "")]
        {
            let at = |n: usize| there.chars().nth(n - 1).unwrap_or('-');
            assert_eq!(places(at, |c| *c == '-').into_iter().collect::<String>(), found, "{there}");
        }
    }
}
