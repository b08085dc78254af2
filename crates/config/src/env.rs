//! The app's own variables: layers of values that may name each other.
//!
//! Inside `env`, `${X}` in the value of `X` reads the next lower layer, finally the session; any other name reads the
//! topmost value. Values stand here in the form that is filled at birth (see [`braces`]): what comes from outside the
//! configuration is protected, so that only a written `{{slot}}` is ever filled.

use crate::braces;
use crate::fault::{Fault, Faults, Place};
use crate::surroundings::Surroundings;
use crate::template::{self, Failed, Lookup, Piece};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

/// The largest value. The kernel takes 128 KiB for one string; the way there has frames of 64 KiB.
const MAX_VALUE: usize = 60 * 1024;

/// How many variables may lead from one to the next.
const MAX_CHAIN: usize = 64;

/// One value in one layer.
pub(crate) struct Variable {
    /// What it is called in messages: `env.NAME`.
    pub label: String,
    pub place: Place,
    pub pieces: Rc<[Piece]>,
}

/// All layers of one app over the session.
pub(crate) struct Env<'a> {
    layers: Vec<BTreeMap<String, Variable>>,
    around: &'a dyn Surroundings,
    done: HashMap<(String, usize), Lookup>,
    /// The variables that are being found out, outermost first.
    path: Vec<(String, usize)>,
    /// The app, where it is known to have no port that `{{port}}` could stand for.
    pub portless: Option<String>,
}

impl<'a> Env<'a> {
    pub fn new(around: &'a dyn Surroundings) -> Env<'a> {
        Env { layers: Vec::new(), around, done: HashMap::new(), path: Vec::new(), portless: None }
    }

    /// Puts a layer on top.
    pub fn push(&mut self, layer: BTreeMap<String, Variable>) {
        self.layers.push(layer);
    }

    /// Every variable with its value and the place of that value.
    pub fn resolve(&mut self, faults: &mut Faults) -> Vec<(String, String, Place)> {
        let names: BTreeSet<String> = self.layers.iter().flat_map(|layer| layer.keys().cloned()).collect();
        let mut out = Vec::new();
        for name in names {
            let value = self.lookup(&name, faults);
            let place = self.layers.iter().rev().find_map(|layer| layer.get(&name)).map(|variable| variable.place.clone());
            if let (Lookup::Value(value), Some(place)) = (value, place) {
                out.push((name, value, place));
            }
        }
        out
    }

    /// The value that `${name}` stands for.
    pub fn lookup(&mut self, name: &str, faults: &mut Faults) -> Lookup {
        self.below(name, self.layers.len(), faults)
    }

    fn below(&mut self, name: &str, top: usize, faults: &mut Faults) -> Lookup {
        let Some(layer) = (0..top).rev().find(|layer| self.layers[*layer].contains_key(name)) else {
            return self.around.var(name).map_or(Lookup::Missing, |value| Lookup::Value(braces::protect(&value)));
        };
        let id = (name.to_owned(), layer);
        if let Some(known) = self.done.get(&id) {
            return known.clone();
        }
        let variable = &self.layers[layer][name];
        let (pieces, label, place) = (variable.pieces.clone(), variable.label.clone(), variable.place.clone());
        if let Some(from) = self.path.iter().position(|one| *one == id) {
            let cycle: Vec<&str> = self.path[from..].iter().map(|(name, _)| name.as_str()).chain([name]).collect();
            faults.push(
                Fault::new(&place, format!("the values of these variables need each other: {}", cycle.join(" -> ")))
                    .help("a variable may name itself (then it reads the layer below), but no circle"),
            );
            return Lookup::Broken;
        }
        if self.path.len() >= MAX_CHAIN {
            faults.push(Fault::new(&place, format!("`{label}` is reached through more than {MAX_CHAIN} other variables")));
            return Lookup::Broken;
        }
        self.path.push(id.clone());
        let mut lookup = |wanted: &str| {
            let top = if wanted == name { layer } else { self.layers.len() };
            self.below(wanted, top, faults)
        };
        let value = template::expand(&pieces, &mut lookup);
        self.path.pop();
        let known = match value {
            Ok(value) => {
                match check(&value, &label, &place, self.portless.as_deref()).or_else(|| too_long(&value, &label, &place)) {
                    None => Lookup::Value(value),
                    Some(fault) => {
                        faults.push(fault);
                        Lookup::Broken
                    }
                }
            }
            Err(failed) => {
                explain(failed, &label, &place).into_iter().for_each(|fault| faults.push(fault));
                Lookup::Broken
            }
        };
        self.done.insert(id, known.clone());
        known
    }
}

/// Whether a name can stand in front of `=` in an environment.
pub(crate) fn bad_name(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        Some("the name of a variable cannot be empty")
    } else if name.contains('=') {
        Some("the name of a variable cannot hold `=`")
    } else if name.contains('\0') {
        Some("the name of a variable cannot hold the character NUL")
    } else {
        None
    }
}

fn too_long(value: &str, label: &str, place: &Place) -> Option<Fault> {
    (value.len() > MAX_VALUE).then(|| {
        Fault::new(place, format!("`{label}` has {} bytes", value.len()))
            .help(format!("a variable can hold {MAX_VALUE} bytes; put more into a file"))
    })
}

/// What no value can hold.
pub(crate) fn check(value: &str, label: &str, place: &Place, portless: Option<&str>) -> Option<Fault> {
    if value.contains('\0') {
        let fault = Fault::new(place, format!("`{label}` holds the character NUL"));
        return Some(fault.help("a program cannot be given it; NUL ends every argument and variable"));
    }
    let app = portless.filter(|_| braces::names(value, "{{port}}"))?;
    let fault = Fault::new(place, format!("`{label}`: the app `{app}` has no port for `{{{{port}}}}`")).needle("{{port}}");
    Some(fault.help(match place {
        Place::Flag(_) => "give it one with `--port 3000` or `--port auto`; `{{{{port}}` stands for the text itself",
        _ => "give it one with `port = 3000`, `port = \"auto\"` or a `listen` on tcp; `{{{{port}}` stands for the text itself",
    }))
}

/// Says why a text could not be expanded; nothing where that has been said.
pub(crate) fn explain(failed: Failed, label: &str, place: &Place) -> Option<Fault> {
    Some(match failed {
        Failed::Broken => return None,
        Failed::TooLong => Fault::new(place, format!("`{label}` becomes longer than {} KiB", template::MAX_LENGTH / 1024)),
        Failed::Complaint { name, message } => {
            let message = if message.is_empty() { "it is needed".to_owned() } else { message };
            Fault::new(place, format!("`{label}`: the variable `{name}` is not set: {message}")).needle(format!("${{{name}"))
        }
        Failed::Missing { name } => {
            let filled = match name.as_str() {
                "PORT" => Some("{{port}}"),
                "INSTANCE_ID" | "NODE_APP_INSTANCE" => Some("{{slot}}"),
                _ => None,
            };
            let help = match filled {
                Some(braces) => format!("what differs between instances is written `{braces}`; it is filled in when one starts"),
                None => format!("set it in `env` or in your shell, or give a fallback: `${{{name}:-…}}`"),
            };
            Fault::new(place, format!("`{label}`: the variable `{name}` is not set")).needle(format!("${{{name}}}")).help(help)
        }
    })
}

/// A value that is what it is.
pub(crate) fn literal(value: String) -> Rc<[Piece]> {
    Rc::from(vec![Piece::Literal(value)])
}
