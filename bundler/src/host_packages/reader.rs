//! The readers of packages as functions of bytes, for fuzzers.

use super::candidate::{Candidate, FIELDS};
use super::resolve::Offer;
use super::stanza::Stanzas;
use super::{deb_file, order};
use std::error::Error;

/// The name and version that the control file of a package says.
pub(crate) fn package(bytes: &[u8]) -> Result<(String, String), Box<dyn Error>> {
    let read = deb_file::read(bytes)?;
    Ok((read.name.to_string(), read.version.to_string()))
}

/// The names of the packages that it takes to install `name` from an index, in the order of their installation.
pub(crate) fn packages_of_index(index: &[u8], name: &str) -> Result<Vec<String>, Box<dyn Error>> {
    let mut stanzas = Stanzas::new(index, FIELDS);
    let mut candidates = Vec::new();
    while let Some(mut stanza) = stanzas.next()? {
        candidates.push(Candidate::of(&mut stanza)?);
    }
    let chosen = Offer::new(&candidates).choose(&[name.parse()?])?;
    let chosen: Vec<Candidate> = chosen.into_iter().map(|index| candidates[index].clone()).collect();
    Ok(order::in_order(&chosen).into_iter().map(|index| chosen[index].name.to_string()).collect())
}
