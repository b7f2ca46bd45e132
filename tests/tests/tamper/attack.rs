//! What is done to a bundle.

use std::fmt;

/// A changed bundle.
#[derive(Debug, Clone)]
pub(crate) struct Attack {
    pub(crate) title: String,
    pub(crate) bytes: Vec<u8>,
}

impl Attack {
    pub(crate) fn new(title: impl Into<String>, bytes: Vec<u8>) -> Self {
        Self { title: title.into(), bytes }
    }
}

/// Attacks of one kind, made when they are needed: there may be a hundred thousand.
pub(crate) struct Kind<'a> {
    pub(crate) name: &'static str,
    pub(crate) count: usize,
    pub(crate) make: Box<dyn Fn(usize) -> Attack + Sync + 'a>,
}

impl<'a> Kind<'a> {
    /// `count` attacks, made from their numbers.
    pub(crate) fn new(name: &'static str, count: usize, make: impl Fn(usize) -> Attack + Sync + 'a) -> Self {
        Self { name, count, make: Box::new(make) }
    }

    /// A few attacks that are there already.
    pub(crate) fn listed(name: &'static str, attacks: Vec<Attack>) -> Self {
        Self::new(name, attacks.len(), move |index| attacks[index].clone())
    }
}

impl fmt::Debug for Kind<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Kind").field("name", &self.name).field("count", &self.count).finish_non_exhaustive()
    }
}
