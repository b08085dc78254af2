//! Who hears a keeper, line by line: each line must be one that its dialect knows.

use wire::decode;

/// A controller's ear.
#[derive(Debug, Default)]
pub struct Ear {
    bytes: Vec<u8>,
    two: bool,
    /// The number of the last event.
    number: Option<u64>,
    /// What was heard and not yet taken.
    pub lines: Vec<Vec<u8>>,
}

impl Ear {
    /// Takes what was read; every line that is whole is judged and kept in `lines`, as the event without its number.
    pub fn hear(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.bytes.extend_from_slice(bytes);
        while let Some(end) = self.bytes.iter().position(|b| *b == b'\n') {
            let line: Vec<u8> = self.bytes.drain(..=end).take(end).collect();
            let event = self.judge(&line).map_err(|why| format!("{why}: {}", line.escape_ascii()))?;
            self.lines.push(event);
        }
        Ok(())
    }

    fn judge(&mut self, line: &[u8]) -> Result<Vec<u8>, &'static str> {
        let turns =
            line.starts_with(b"#") && line.ends_with(b"\tdialect\t2") && line.iter().filter(|b| **b == b'\t').count() == 2;
        self.two |= turns;
        if !self.two {
            return self.judge_one(line).map(|()| line.to_vec());
        }
        if line.iter().any(|b| matches!(b, 0 | b'\r')) {
            return Err("a raw control byte");
        }
        let numbered = decode(line).map_err(|_| "not an event of dialect 2")?;
        let next = self.number.map_or(numbered.number, |number| number + 1);
        match numbered.event {
            wire::Event::Overflow(first) if first != next || numbered.number < first => {
                return Err("an overflow that begins elsewhere");
            }
            wire::Event::Overflow(_) => {}
            _ if numbered.number != next => return Err("a gap in the numbers"),
            _ => {}
        }
        self.number = Some(numbered.number);
        let event = line.split(|b| *b == b'\t').skip(1).collect::<Vec<_>>().join(&b'\t');
        if event.starts_with(b"service.state\t") && event.split(|b| *b == b'\t').count() != 10 {
            return Err("a state without ten fields");
        }
        Ok(event)
    }

    fn judge_one(&mut self, line: &[u8]) -> Result<(), &'static str> {
        let fields: Vec<&[u8]> = line.split(|b| *b == b'\t').collect();
        let one_of = |field: &[u8], words: &[&str]| words.iter().any(|word| word.as_bytes() == field);
        let good = match fields[0] {
            b"echoed" => return Ok(()),
            b"service.state" => {
                fields.len() == 9 && one_of(fields[2], &["up", "down", "start", "deleted"]) && times(&fields[3..])
            }
            b"service.tags" | b"service.args" | b"service.fds" | b"service.auto_up" => {
                fields.len() > 2 && wire::is_name(fields[1])
            }
            b"fd.state" => {
                let kinds = ["file", "pipe", "socket", "special"];
                wire::is_name(fields[1])
                    && (fields.len() == 3 && fields[2] == b"deleted" || fields.len() == 5 && one_of(fields[2], &kinds))
            }
            b"signal" => fields.len() == 4,
            b"overflow" => fields.len() == 1,
            b"error" | b"warning" | b"info" => fields.len() > 1,
            b"dialect" | b"log.filter" => fields.len() == 2,
            warning if warning.starts_with(b"warning: ") => true,
            // What was damaged on its way may have become an echo of anything.
            _ => return Ok(()),
        };
        match line.iter().any(|b| matches!(b, 0 | b'\r')) {
            true => Err("a raw control byte"),
            false if good => Ok(()),
            false => Err("not an event of dialect 1"),
        }
    }
}

/// `TS PID REASON VALUE UPTIME DOWNTIME` where each is as it can be.
fn times(fields: &[&[u8]]) -> bool {
    let number = |field: &[u8]| field == b"-" || (!field.is_empty() && field.iter().all(u8::is_ascii_digit));
    number(fields[0]) && number(fields[1]) && number(fields[4]) && number(fields[5]) && fields[2..4].iter().all(|f| !f.is_empty())
}
