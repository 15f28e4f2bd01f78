//! Publishers: killed between objects, two at once, over damaged objects; and the pointer moved back.

use std::{
    fs::{self, File},
    process::{Command, Stdio},
};

use index_svc::distribution::{Place, Publisher, publish};
use serde_json::{Value, json};
use storage::{StorageOptions, Store};

use crate::{
    library::{CUT, FILES, FLIP, Library, UPLOADED, damage, report},
    running::wait_for,
};

#[test]
fn a_version_is_uploaded_once_and_wanted() {
    let library = Library::new();
    let first = library.publish("one");
    assert_eq!(first["index_version"], library.one);
    assert_eq!(first["uploaded"], json!(UPLOADED));
    assert_eq!((&first["before"], &first["pointer_moved"]), (&json!(null), &json!(true)));
    library.assert_whole("one", &library.one);

    let again = library.publish("one");
    assert_eq!((&again["uploaded"], &again["skipped"]), (&json!([]), &json!(UPLOADED)));
    assert_eq!(again["pointer_moved"], false);

    let second = library.publish("two");
    assert_eq!((&second["before"], &second["uploaded"]), (&json!(library.one), &json!(UPLOADED)));
    assert_eq!(library.wanted().as_ref(), Some(&library.two));
    // What was published is a folder of versions like any other.
    let local = Command::new(env!("CARGO_BIN_EXE_index-svc"))
        .args(["query", "--track-id", "t3", "--index"])
        .arg(library.store())
        .output();
    assert!(local.expect("the binary runs").status.success());
}

/// At each object, as soon as it is there, the publisher is killed; and at each such state the next
/// one begins.
#[test]
fn a_killed_publisher_leaves_nothing_that_is_wanted_and_the_next_one_goes_on() {
    let library = Library::new();
    library.publish("one");
    for file in FILES {
        let mut child = library.publisher("two").stdout(Stdio::null()).spawn().expect("runs");
        let object = library.object(&library.two, file);
        wait_for("the object or the publisher's end", || {
            (object.exists() || child.try_wait().expect("waitable").is_some()).then_some(())
        });
        // It may have ended by itself; then this is a state too.
        let _ = child.kill();
        child.wait().expect("waitable");
        let wanted = library.wanted().expect("never gone");
        if wanted == library.two {
            library.assert_whole("two", &library.two);
        } else {
            assert_eq!(wanted, library.one);
        }
        // What only a kill in exactly that moment would leave: no object after this one.
        for later in FILES.iter().skip_while(|name| **name != file).skip(1) {
            let _ = fs::remove_file(library.object(&library.two, later));
        }
        if !library.object(&library.two, "manifest.json").exists() {
            damage(&library.store().join("CURRENT"), |text| {
                *text = format!("{}\n", library.one).into_bytes();
            });
            let versions = library.at_store("versions", &[]);
            let list = versions["versions"].as_array().expect("a list");
            let half = list.iter().find(|v| v["index_version"] == library.two).expect("listed");
            assert_eq!(half["whole"], false);
            let back = library.try_at_store("rollback", &["--version", &library.two]);
            assert_eq!(back.status.code(), Some(1), "not whole, so it cannot be wanted");
        }
        let done = library.publish("two");
        let skipped = done["skipped"].as_array().expect("a list");
        assert!(skipped.contains(&json!(file)), "{file} is not uploaded again: {done}");
        library.assert_whole("two", &library.two);
        assert_eq!(library.wanted().as_ref(), Some(&library.two));
        library.at_store("rollback", &["--version", &library.one]);
        fs::remove_dir_all(library.store().join(&library.two)).expect("removable");
    }
}

#[test]
fn damaged_objects_are_uploaded_again() {
    let library = Library::new();
    library.publish("one");
    for file in FILES {
        for change in [FLIP, CUT, Vec::clear] {
            damage(&library.object(&library.one, file), change);
            let report = library.publish("one");
            assert_eq!(report["uploaded"], json!([file]));
            library.assert_whole("one", &library.one);
        }
    }
}

/// What was changed since it was built is not published, and nothing is uploaded of it.
#[test]
fn a_damaged_index_is_not_published() {
    let library = Library::new();
    damage(&library.path("one").join("data.mdb"), FLIP);
    let output = library.publisher("one").output().expect("the binary runs");
    assert_eq!(output.status.code(), Some(1));
    assert!(!library.store().exists());
}

/// Both have seen the same pointer before either moves it: the folder is locked, as by a third one,
/// until both have uploaded everything.
#[test]
fn of_two_publishers_at_once_one_wins_and_the_other_is_told_who() {
    for first in [true, false] {
        let library = Library::new();
        fs::create_dir(library.store()).expect("new");
        if !first {
            let three = library.path("three");
            fs::create_dir(&three).expect("new");
            for file in FILES {
                fs::copy(library.path("one").join(file), three.join(file)).expect("copied");
            }
            library.publish("three");
        }
        let other = if first { "one" } else { "three" };
        let lock = File::open(library.store()).expect("there");
        lock.lock().expect("lockable");
        // With no pointer yet, creating it decides, which needs no lock; so all the same one wins.
        let names = if first { ["one", "two"] } else { ["two", "two"] };
        let children = names.map(|name| {
            let mut command = library.publisher(name);
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("runs")
        });
        wait_for("the uploads", || {
            library.object(&library.two, "manifest.json").exists().then_some(())
        });
        drop(lock);
        let outputs = children.map(|child| child.wait_with_output().expect("waitable"));
        let wanted = library.wanted().expect("moved");
        let won = outputs.iter().filter(|output| output.status.success()).count();
        if first {
            // One after the other is possible too; then the second has moved it on.
            for (output, version) in outputs.iter().zip([&library.one, &library.two]) {
                let said = String::from_utf8_lossy(&output.stderr);
                if output.status.success() {
                    assert!(won == 2 || *version == wanted, "{wanted} was moved by the loser");
                } else {
                    assert!(said.contains(&format!("was moved to {wanted} by ")), "{said}");
                }
            }
            assert!(won >= 1, "{outputs:?}");
        } else {
            assert_eq!(won, 2, "both published the same, so both got what they wanted");
            assert_eq!(wanted, library.two, "was {other}");
        }
    }
}

/// The pointer moves between the look of a publisher and its swap, for certain: it waits for the lock,
/// and the pointer is replaced under it.
#[test]
fn a_publisher_that_was_overtaken_changes_nothing_and_may_try_again() {
    let library = Library::new();
    library.publish("one");
    let lock = File::open(library.store()).expect("there");
    lock.lock().expect("lockable");
    let mut command = library.publisher("two");
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("runs");
    wait_for("the upload", || library.object(&library.two, "manifest.json").exists().then_some(()));
    let theirs = "0123456789abcdef\nby the-night-build\nat 2026-01-01T00:00:00Z\n";
    fs::write(library.store().join("CURRENT"), theirs).expect("writable");
    drop(lock);
    let output = child.wait_with_output().expect("waitable");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    let told = "was moved to 0123456789abcdef by the-night-build at 2026-01-01T00:00:00Z";
    assert!(said.contains(told), "{said}");
    let text = fs::read_to_string(library.store().join("CURRENT")).expect("readable");
    assert_eq!(text, theirs);

    let again = library.publish("two");
    assert_eq!((&again["uploaded"], &again["before"]), (&json!([]), &json!("0123456789abcdef")));
    assert_eq!(library.wanted().as_ref(), Some(&library.two));
}

#[test]
fn a_rollback_goes_back_one_version_at_a_time_and_only_to_whole_ones() {
    let library = Library::new();
    let nothing = library.try_at_store("rollback", &[]);
    assert_eq!(nothing.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&nothing.stderr).contains("publish an index there first"));
    library.publish("one");
    let first = library.try_at_store("rollback", &[]);
    assert!(String::from_utf8_lossy(&first.stderr).contains("names no version before"));

    library.publish("two");
    let back = library.at_store("rollback", &[]);
    assert_eq!(back, json!({ "index_version": library.one, "from": library.two }));
    assert_eq!(library.wanted().as_ref(), Some(&library.one));
    let twice = library.try_at_store("rollback", &[]);
    assert_eq!(twice.status.code(), Some(1), "not forward again to what was left");
    library.at_store("rollback", &["--version", &library.two]);
    assert_eq!(library.wanted().as_ref(), Some(&library.two));

    damage(&library.object(&library.one, "manifest.json"), FLIP);
    let damaged = library.try_at_store("rollback", &["--version", &library.one]);
    assert_eq!(damaged.status.code(), Some(1), "{damaged:?}");
    assert_eq!(library.wanted().as_ref(), Some(&library.two));
}

/// A folder of versions may have names that somebody chose; that is no damage.
#[test]
fn an_index_with_a_name_of_its_own_is_told_as_that() {
    let library = Library::new();
    library.publish("one");
    library.publish("two");
    fs::rename(library.store().join(&library.one), library.store().join("2026-01"))
        .expect("movable");
    let refused = library.try_at_store("rollback", &["--version", "2026-01"]);
    let told = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1), "{told}");
    assert!(told.contains("named `2026-01`") && told.contains(&library.one), "{told}");
    assert!(!told.contains("damaged"), "{told}");
}

#[test]
fn versions_nobody_needs_are_removed() {
    let library = Library::new();
    library.publish("one");
    library.publish("two");
    let young = library.at_store("prune", &["--keep", "0"]);
    assert_eq!(young["removed"], json!([]), "a publisher may be at work");
    let kept = library.at_store("prune", &["--keep", "1", "--grace", "0s"]);
    assert_eq!(kept["removed"], json!([]), "one can be rolled back to");
    // Objects are written in seconds; what was written in this one is not older than nothing.
    let gone = wait_for("the second to end", || {
        let report = report(&library.try_at_store("prune", &["--keep", "0", "--grace", "0s"]));
        (report["removed"] != json!([])).then_some(report)
    });
    assert_eq!(gone["removed"], json!([library.one]));
    assert!(!library.object(&library.one, "manifest.json").exists());
    library.assert_whole("two", &library.two);
    let versions = library.at_store("versions", &[]);
    assert_eq!(versions["wanted"], library.two);
    assert_eq!(versions["versions"].as_array().expect("a list").len(), 1);
}

#[test]
fn what_is_going_is_wanted_by_nobody_until_it_is_gone() {
    let library = Library::new();
    library.publish("one");
    library.publish("two");
    // What a prune that was killed leaves: it said what goes, and removed the manifest.
    let pointer = library.object("", "CURRENT");
    let text = fs::read_to_string(&pointer).expect("readable");
    fs::write(&pointer, format!("{text}going {}\n", library.one)).expect("writable");
    let manifest = library.object(&library.one, "manifest.json");
    let whole = fs::read(&manifest).expect("readable");
    for left in [Some(whole), None] {
        match left {
            Some(text) => fs::write(&manifest, text).expect("writable"),
            None => fs::remove_file(&manifest).expect("it is there"),
        }
        for back in [
            library.try_at_store("rollback", &[]),
            library.publisher("one").output().expect("the binary runs"),
        ] {
            assert_eq!(back.status.code(), Some(1), "{back:?}");
            let said = String::from_utf8_lossy(&back.stderr).into_owned();
            assert!(said.contains(&format!("{} is being removed", library.one)), "{said}");
        }
        assert_eq!(library.wanted().as_ref(), Some(&library.two));
    }
    // The next one ends it, although all of it is young and one could be rolled back to.
    // Many at once must not make the pointer too long to be read.
    let before = fs::read_to_string(&pointer).expect("readable");
    for left in 0..1_000 {
        let folder = library.object(&format!("{left:016x}"), "");
        fs::create_dir(&folder).expect("writable");
        fs::write(folder.join("data.mdb"), "left").expect("writable");
    }
    fs::write(&pointer, format!("{before}going {:016x}\n", 999)).expect("writable");
    let gone = library.at_store("prune", &["--keep", "0"]);
    assert_eq!(gone["removed"].as_array().expect("a list").len(), 2, "the others are young");
    // They were written in more than one second perhaps, so not all of them are old at once.
    let mut removed = 0;
    wait_for("the others to be old, and gone", || {
        let report = report(&library.try_at_store("prune", &["--keep", "0", "--grace", "0s"]));
        removed += report["removed"].as_array().expect("a list").len();
        (removed >= 999).then_some(())
    });
    assert_eq!(removed, 999, "each is removed once");
    let text = fs::read_to_string(&pointer).expect("readable");
    assert!(!text.contains("going") && text.starts_with(&library.two), "{text}");
    library.publish("one");
    library.assert_whole("one", &library.one);
}

/// While a publisher's second object is on its way a whole prune runs, which removes the first, and the
/// second where it came before the prune looked.
#[test]
fn what_a_prune_takes_from_under_a_publisher_is_uploaded_again() {
    for second_comes_after in [false, true] {
        let library = Library::new();
        library.publish("one");
        let url = library.url().parse().expect("a URL");
        let place = Place::new(Store::open(&url, &StorageOptions::default()).expect("a folder"));
        let [first, second] = [0, 1].map(|file| library.object(&library.two, FILES[file]));
        let mut turns = 0;
        let mut prune = |file: &str, _, _| {
            if file != FILES[1] {
                return;
            }
            turns += 1;
            if turns > 1 {
                return;
            }
            assert!(first.exists(), "uploaded by now");
            wait_for("the second to end", || {
                let prune = ["--keep", "0", "--grace", "0s"];
                let report = report(&library.try_at_store("prune", &prune));
                (report["removed"] == json!([library.two])).then_some(())
            });
            assert!(!first.exists() && !second.exists(), "removed");
            if second_comes_after {
                fs::create_dir_all(second.parent().expect("a folder")).expect("writable");
                fs::copy(library.path("two").join(FILES[1]), &second).expect("copied");
            }
        };
        let mut publisher = Publisher { by: "two", moved: &mut prune };
        let published = publish(&library.path("two"), &place, &mut publisher).expect("it goes on");
        assert_eq!(turns, if second_comes_after { 1 } else { 2 }, "only what is missing");
        assert_eq!(published.before.as_ref(), Some(&library.one));
        assert_eq!(library.wanted().as_ref(), Some(&library.two));
        library.assert_whole("two", &library.two);
    }
}

/// No prune, so the pointer does not tell: an object is not there when it should have come.
#[test]
fn what_somebody_removes_while_it_is_published_is_uploaded_again() {
    let library = Library::new();
    let url = library.url().parse().expect("a URL");
    let place = Place::new(Store::open(&url, &StorageOptions::default()).expect("a folder"));
    let object = library.object(&library.two, FILES[1]);
    let mut turns = 0;
    let mut remove = |file: &str, _, _| {
        if file == FILES[1] {
            turns += 1;
            if turns == 1 {
                fs::remove_file(&object).expect("it has come");
                assert!(!library.object(&library.two, "manifest.json").exists(), "not whole");
            }
        }
    };
    let mut publisher = Publisher { by: "two", moved: &mut remove };
    publish(&library.path("two"), &place, &mut publisher).expect("it goes on");
    assert_eq!(turns, 2, "once more");
    library.assert_whole("two", &library.two);
}

#[test]
fn what_is_published_is_validated_and_queried_where_it_lies() {
    let library = Library::new();
    let temporary = library.path("temporary");
    fs::create_dir(&temporary).expect("writable");
    let run = |command: &str, more: &[&str]| {
        let mut run = Command::new(env!("CARGO_BIN_EXE_index-svc"));
        run.args([command, "--format", "json", "--index", &library.url()]).args(more);
        let output = run.env("TMPDIR", &temporary).output().expect("the binary runs");
        let left = fs::read_dir(&temporary).expect("readable").count();
        assert_eq!(left, 0, "what was fetched is gone");
        output
    };
    library.publish("one");
    let validated = report(&run("validate", &["--fail-under", "recall=0.9"]));
    assert_eq!(validated["passed"], true, "{validated}");
    let answer = report(&run("query", &["--track-index", "3", "-k", "2"]));
    assert_eq!(answer["index_version"], library.one.as_str(), "{answer}");

    damage(&library.object(&library.one, "vectors.bin"), FLIP);
    let refused = run("validate", &[]);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    let said: Value = serde_json::from_slice(&refused.stdout).expect("a report");
    assert_eq!(said["passed"], false);
    assert!(said["checks"][0].to_string().contains("vectors.bin is damaged"), "{said}");
    assert_eq!(run("query", &["--track-index", "3"]).status.code(), Some(1));
}
