//! No circle of imports between the files of a crate: what a file needs can be read before it.
//!
//! A file imports another where a path in its code leads to an item of it; re-exports are followed to
//! the file that has the item, and are no imports themselves, so that a folder's `mod.rs` may show
//! what its files have. Macros are not expanded and methods not resolved.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::sources::{assert_none, code, files};

/// Crates whose files have no circle.
const HELD: [&str; 6] = [
    "extractor-svc/src/",
    "proto/src/",
    "proto/client/src/",
    "proto/roots/src/",
    "proto/serving/src/",
    "proto/storage/src/",
];

/// Crates that are not held to it yet.
const NOT_YET: [&str; 3] = ["index-svc/engine/src/", "index-svc/index/src/", "index-svc/src/"];

/// Re-exports of re-exports that are followed.
const MAX_STEPS: usize = 12;

/// A path by its names; that of a module begins at the crate.
type Names = Vec<String>;

/// A module in a file of its own.
#[derive(Default)]
struct Module {
    file: String,
    /// What `use` makes known here: the path by its new name, `*` for all of a module.
    known: Vec<(String, Names)>,
    /// Paths of the code, and of imports that are no re-exports.
    paths: Vec<Names>,
}

/// The modules of a crate from its files, by path below `src`, and their text.
struct Crate(BTreeMap<Names, Module>);

impl Crate {
    fn new<'a>(sources: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let modules = sources.into_iter().filter(|(path, _)| *path != "main.rs");
        Self(modules.map(|(path, text)| (module_of(path), Module::read(path, text))).collect())
    }

    /// The path from the crate on, as it is written in module `at`; `None` for other crates.
    fn absolute(&self, at: &[String], path: &[String]) -> Option<Names> {
        let first = path.first()?.as_str();
        if !matches!(first, "crate" | "super" | "self") {
            let child = [at, &path[..1]].concat();
            let known = self.0.get(at)?.known.iter().find(|(name, _)| name == first);
            return match known {
                Some((_, target)) if target.first() != path.first() => {
                    Some([self.absolute(at, target)?, path[1..].to_vec()].concat())
                }
                _ => self.0.contains_key(&child).then(|| [at, path].concat()),
            };
        }
        let mut from = if first == "crate" { Names::new() } else { at.to_vec() };
        let mut rest = path;
        while let Some((name, tail)) = rest.split_first()
            && matches!(name.as_str(), "crate" | "super" | "self")
        {
            if name == "super" {
                from.pop();
            }
            rest = tail;
        }
        Some([from, rest.to_vec()].concat())
    }

    /// The modules that have what an absolute path names.
    fn owners(&self, path: &[String], steps: usize) -> BTreeSet<Names> {
        let len = (0..=path.len()).rev().find(|&len| self.0.contains_key(&path[..len]));
        let Some((module, rest)) = len.map(|len| path.split_at(len)) else {
            return BTreeSet::new();
        };
        let own = BTreeSet::from([module.to_vec()]);
        let Some(name) = rest.first().filter(|_| steps > 0) else { return own };
        let follow = |target: &Names| {
            let target = self.absolute(module, target).filter(|target| target != path);
            target.map(|target| self.owners(&[&target, &rest[1..]].concat(), steps - 1))
        };
        let known = &self.0[module].known;
        let found: BTreeSet<Names> = known
            .iter()
            .filter(|(other, _)| name == other || name == "*")
            .filter_map(|(_, target)| follow(target))
            .flatten()
            .collect();
        if found.is_empty() || name == "*" { &own | &found } else { found }
    }

    /// The modules that each imports.
    fn imports(&self) -> BTreeMap<Names, BTreeSet<Names>> {
        let of = |at: &Names, module: &Module| {
            let paths = module.paths.iter().filter_map(|path| self.absolute(at, path));
            let mut owners: BTreeSet<_> =
                paths.flat_map(|path| self.owners(&path, MAX_STEPS)).collect();
            owners.remove(at);
            owners
        };
        self.0.iter().map(|(at, module)| (at.clone(), of(at, module))).collect()
    }

    /// A shortest circle through each module that is in one, each circle once, as files.
    fn circles(&self) -> BTreeSet<Vec<&str>> {
        let imports = self.imports();
        let mut circles = BTreeMap::new();
        for start in imports.keys() {
            let Some(circle) = way_back(&imports, start) else { continue };
            let members: BTreeSet<_> = circle.iter().cloned().collect();
            circles.entry(members).or_insert(circle);
        }
        let files = |circle: Vec<Names>| circle.iter().map(|at| &*self.0[at].file).collect();
        circles.into_values().map(files).collect()
    }
}

/// The shortest way from a module over its imports back to itself.
fn way_back(imports: &BTreeMap<Names, BTreeSet<Names>>, start: &Names) -> Option<Vec<Names>> {
    let (mut from, mut queue) = (BTreeMap::new(), VecDeque::from([start.clone()]));
    while let Some(at) = queue.pop_front() {
        for next in &imports[&at] {
            if next == start {
                let mut way = vec![at];
                while let Some(before) = from.get(way.last()?) {
                    way.push(Names::clone(before));
                }
                way.reverse();
                return Some(way);
            }
            if !from.contains_key(next) {
                from.insert(next.clone(), at.clone());
                queue.push_back(next.clone());
            }
        }
    }
    None
}

/// The module of a file, by its path below `src`.
fn module_of(path: &str) -> Names {
    let path = path.trim_end_matches(".rs").trim_end_matches("/mod");
    let names = path.split('/').filter(|name| *name != "lib");
    names.map(str::to_owned).collect()
}

impl Module {
    fn read(path: &str, text: &str) -> Self {
        let mut module = Self { file: path.to_owned(), ..Self::default() };
        let mut lines = code(text).map(|(_, line)| line);
        while let Some(line) = lines.next() {
            let Some((is_shown, start)) = import(line.trim()) else {
                module.read_code(line);
                continue;
            };
            let mut tree = start.to_owned();
            while !tree.contains(';') {
                let Some(line) = lines.next() else { break };
                tree += line;
            }
            let tree: String = tree
                .split(';')
                .next()
                .unwrap_or_default()
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" ");
            let mut leaves = Vec::new();
            read_tree(&tree, &[], &mut leaves);
            if !is_shown {
                module.paths.extend(leaves.iter().map(|(_, path)| path.clone()));
            }
            module.known.extend(leaves);
        }
        module
    }

    /// Adds the paths in a line of code: names with `::` between them.
    fn read_code(&mut self, line: &str) {
        // Who may see an item is no use of it.
        let shown = line.find("pub(in ").and_then(|at| Some(at..at + line[at..].find(')')?));
        let line =
            shown.map_or(line.to_owned(), |at| [&line[..at.start], &line[at.end..]].concat());
        let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
        for path in line.split(|c| !is_part(c)).filter(|path| path.contains("::")) {
            let names: Names =
                path.split("::").take_while(|name| !name.is_empty()).map(str::to_owned).collect();
            if names.len() > 1 {
                self.paths.push(names);
            }
        }
    }
}

/// The tree of an import that a line begins, and whether it is a re-export.
fn import(line: &str) -> Option<(bool, &str)> {
    if let Some(tree) = line.strip_prefix("use ") {
        return Some((false, tree));
    }
    let rest = line.strip_prefix("pub")?;
    let rest = rest.strip_prefix('(').map_or(Some(rest), |rest| Some(rest.split_once(')')?.1))?;
    Some((true, rest.trim_start().strip_prefix("use ")?))
}

/// The paths of an import's tree with the names they get.
fn read_tree(tree: &str, before: &[String], leaves: &mut Vec<(String, Names)>) {
    let (head, body) = match tree.split_once('{') {
        Some((head, body)) => (head, body.rsplit_once('}').map(|(body, _)| body)),
        None => (tree, None),
    };
    let (head, alias) = match head.split_once(" as ") {
        Some((head, alias)) => (head, Some(alias.trim())),
        None => (head, None),
    };
    let names = head.split("::").map(str::trim).filter(|name| !name.is_empty());
    let mut path: Names = before.iter().cloned().chain(names.map(str::to_owned)).collect();
    let Some(body) = body else {
        if path.last().is_some_and(|name| name == "self") && path.len() > 1 {
            path.pop();
        }
        let Some(last) = path.last() else { return };
        leaves.push((alias.unwrap_or(last).to_owned(), path));
        return;
    };
    let (mut depth, mut start) = (0, 0);
    for (at, c) in body.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                read_tree(&body[start..at], &path, leaves);
                start = at + 1;
            }
            _ => {}
        }
    }
    read_tree(&body[start..], &path, leaves);
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let sources = files(&[".rs"]);
    let (mut found, mut seen) = (Vec::new(), 0);
    for root in HELD {
        let inside = sources
            .iter()
            .filter_map(|(path, text)| Some((path.strip_prefix(root)?, text.as_str())));
        let modules = Crate::new(inside);
        assert!(!modules.0.is_empty(), "the scan sees {root}");
        seen += modules.0.len();
        for circle in modules.circles() {
            found.push(format!("{root}: {} -> {}", circle.join(" -> "), circle[0]));
        }
    }
    assert!(seen > 200, "the scan sees {seen} files");
    assert_none(found);
}

/// Each crate is held to it or named as one that is not yet.
#[test]
fn every_crate_is_in_one_of_the_lists() {
    let sources = files(&["src/lib.rs"]);
    let roots = sources.iter().map(|(path, _)| path.trim_end_matches("lib.rs"));
    let known: BTreeSet<_> = HELD.into_iter().chain(NOT_YET).collect();
    let roots: BTreeSet<_> =
        roots.filter(|root| !root.contains("fuzz/") && *root != "tests/src/").collect();
    assert_eq!(roots, known);
}

#[test]
fn a_circle_is_seen_through_folders_and_not_in_tests_or_re_exports() {
    let check = |sources: &[(&str, &str)], expected: &[&[&str]]| {
        let crate_ = Crate::new(sources.iter().copied());
        let circles: Vec<_> = crate_.circles().into_iter().collect();
        assert_eq!(circles, expected, "{sources:?}");
    };
    check(
        &[("a.rs", "use crate::b::B;"), ("b.rs", "fn f(_: super::a::A) {}")],
        &[&["a.rs", "b.rs"]],
    );
    check(&[("a.rs", "use crate::b::B;"), ("b.rs", "use std::{fmt, io};")], &[]);
    // A folder shows what its files have; what they need of each other counts.
    let folder = ("d/mod.rs", "mod x;\nmod y;\npub use self::{\n    x::X,\n    y::{Y, Z},\n};");
    check(&[folder, ("d/x.rs", "use super::Y;"), ("d/y.rs", "struct Y;")], &[]);
    let circle: &[&[&str]] = &[&["d/x.rs", "d/y.rs"]];
    check(&[folder, ("d/x.rs", "use super::Y;"), ("d/y.rs", "use crate::d::X as Other;")], circle);
    check(
        &[folder, ("d/x.rs", "use super::Y;"), ("d/y.rs", "use crate::d;\nfn f(_: d::X) {}")],
        circle,
    );
    check(&[folder, ("d/x.rs", "use super::Y;"), ("d/y.rs", "use super::*;")], circle);
    check(
        &[
            folder,
            ("d/x.rs", "use super::Y;"),
            ("d/y.rs", "fn f() {}\n#[cfg(test)]\nmod tests { use super::super::X; }"),
        ],
        &[],
    );
    // A folder's own code is code as any other.
    let parent = ("d/mod.rs", "mod x;\nstruct P;\nfn f() { x::f(); }");
    check(&[parent, ("d/x.rs", "use super::P;")], &[&["d/mod.rs", "d/x.rs"]]);
    check(&[parent, ("d/x.rs", "pub(in crate::d) fn f() {}")], &[]);
}
