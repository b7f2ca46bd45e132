//! The order in which packages are installed: what one needs comes before it.

use super::candidate::Candidate;

/// The packages by their indexes, each after those of them that it needs. Where packages need each other, the first by name comes first.
pub(super) fn in_order(packages: &[Candidate]) -> Vec<usize> {
    let mut by_name: Vec<usize> = (0..packages.len()).collect();
    by_name.sort_by(|one, other| packages[*one].name.cmp(&packages[*other].name));
    let mut order = Order { packages, by_name: &by_name, visited: vec![false; packages.len()], placed: Vec::new() };
    for index in &by_name {
        order.place(*index);
    }
    order.placed
}

struct Order<'a> {
    packages: &'a [Candidate],
    by_name: &'a [usize],
    visited: Vec<bool>,
    placed: Vec<usize>,
}

impl Order<'_> {
    /// Places a package after what it needs. The depth is that of the packages' own needs, of which a release has a bounded number.
    fn place(&mut self, index: usize) {
        if std::mem::replace(&mut self.visited[index], true) {
            return;
        }
        let packages = self.packages;
        for group in packages[index].needs() {
            let needed = self
                .by_name
                .iter()
                .copied()
                .find(|other| group.iter().any(|relation| packages[*other].fulfils(relation)) && *other != index);
            if let Some(needed) = needed {
                self.place(needed);
            }
        }
        self.placed.push(index);
    }
}

#[cfg(test)]
mod tests {
    use super::super::candidate::tests::candidates;
    use super::*;

    #[test]
    fn what_is_needed_comes_first_and_a_circle_is_broken_by_name() {
        let text = "Package: d\nVersion: 1\nArchitecture: all\nPre-Depends: a\nDepends: x | c\n\n\
                    Package: c\nVersion: 1\nArchitecture: all\nDepends: b\n\n\
                    Package: b\nVersion: 1\nArchitecture: all\nDepends: c, virtual\n\n\
                    Package: a\nVersion: 1\nArchitecture: all\nProvides: virtual\n";
        let packages = candidates(text);
        let names: Vec<&str> = in_order(&packages).into_iter().map(|index| packages[index].name.as_str()).collect();
        assert_eq!(names, ["a", "c", "b", "d"]);
    }
}
