#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
use super::*;

fn host(current: &str) -> (tempfile::TempDir, Layout) {
    let folder = tempfile::tempdir().unwrap();
    let layout = Layout::new(folder.path());
    for path in [layout.state(), layout.releases(), layout.at("var/lib/landfall/db")] {
        std::fs::create_dir_all(path).unwrap();
    }
    std::os::unix::fs::symlink(format!("releases/{current}"), layout.current()).unwrap();
    (folder, layout)
}

fn id(text: &str) -> ReleaseId {
    let (version, serial) = text.rsplit_once('-').unwrap();
    ReleaseId { version: version.parse().unwrap(), serial: serial.parse::<u64>().unwrap().try_into().unwrap() }
}

/// The start number `nth`.
fn start(nth: u32) -> Invocation {
    format!("{nth:032x}").parse().unwrap()
}

fn left(layout: &Layout) -> u32 {
    Tries::read(layout).unwrap().unwrap().left
}

/// A start that nobody sees the end of.
fn begin(layout: &Layout, nth: u32) -> Start {
    count_start(layout, &start(nth)).unwrap().0
}

/// A start that becomes healthy.
fn become_healthy(layout: &Layout, nth: u32) {
    assert_eq!(begin(layout, nth), Start::Allowed);
    mark::put(&layout.healthy(), start(nth)).unwrap();
}

#[test]
fn five_starts_of_a_release_may_fail() {
    // Each is a crash that systemd reports, or a power cut before the release was healthy.
    for is_reported in [true, false] {
        let (_folder, layout) = host("1.1.0-2");
        Tries::start_counting(&layout, &id("1.1.0-2")).unwrap();
        for nth in 0..MAX_STARTS {
            assert_eq!(begin(&layout, nth), Start::Allowed);
            assert!(!Tries::is_exhausted(&layout).unwrap());
            if is_reported {
                let counted = count_end(&layout, &start(nth), StartEnd::Failed).unwrap();
                assert_eq!(counted, Some(Counted { release: "1.1.0-2".into(), left: MAX_STARTS - 1 - nth }));
            }
        }
        assert_eq!(begin(&layout, MAX_STARTS), Start::Exhausted);
        assert!(Tries::is_exhausted(&layout).unwrap());
    }
}

#[test]
fn a_stop_a_restart_or_a_reboot_that_somebody_asks_for_uses_up_no_try() {
    let (_folder, layout) = host("1.1.0-2");
    Tries::start_counting(&layout, &id("1.1.0-2")).unwrap();
    for nth in 0..2 * MAX_STARTS {
        if nth % 2 == 0 {
            become_healthy(&layout, nth);
        } else {
            begin(&layout, nth);
        }
        assert_eq!(count_end(&layout, &start(nth), StartEnd::Requested).unwrap(), None);
    }
    assert_eq!((left(&layout), Tries::is_exhausted(&layout).unwrap()), (MAX_STARTS, false));
}

#[test]
fn a_power_cut_uses_up_a_try_only_where_the_release_was_not_healthy() {
    let (_folder, layout) = host("1.1.0-2");
    Tries::start_counting(&layout, &id("1.1.0-2")).unwrap();
    for nth in 0..2 * MAX_STARTS {
        become_healthy(&layout, nth);
    }
    begin(&layout, 100);
    assert_eq!(left(&layout), MAX_STARTS);
    // The mark of an earlier start says nothing about this one.
    let (_, counted) = count_start(&layout, &start(101)).unwrap();
    assert_eq!(counted, Some(Counted { release: "1.1.0-2".into(), left: MAX_STARTS - 1 }));
}

#[test]
fn a_release_that_fails_after_it_was_healthy_runs_out_of_tries() {
    let (_folder, layout) = host("1.1.0-2");
    Tries::start_counting(&layout, &id("1.1.0-2")).unwrap();
    for nth in 0..MAX_STARTS {
        become_healthy(&layout, nth);
        assert!(count_end(&layout, &start(nth), StartEnd::Failed).unwrap().is_some());
    }
    assert_eq!(begin(&layout, 100), Start::Exhausted);
}

#[test]
fn a_start_is_settled_once_and_only_by_its_own_end() {
    let (_folder, layout) = host("1.1.0-2");
    Tries::start_counting(&layout, &id("1.1.0-2")).unwrap();
    // The release from before ends because of the switch; a start that the firewall holds back was never written down.
    assert_eq!(count_end(&layout, &start(1), StartEnd::Failed).unwrap(), None);
    become_healthy(&layout, 2);
    assert_eq!(count_end(&layout, &start(3), StartEnd::Failed).unwrap(), None);
    assert_eq!(left(&layout), MAX_STARTS);
    assert!(count_end(&layout, &start(2), StartEnd::Failed).unwrap().is_some());
    assert_eq!(count_end(&layout, &start(2), StartEnd::Failed).unwrap(), None);
    begin(&layout, 4);
    assert_eq!(left(&layout), MAX_STARTS - 1);
}

#[test]
fn a_mistake_in_settings_that_were_changed_uses_up_no_try() {
    let (_folder, layout) = host("1.1.0-2");
    std::fs::create_dir_all(layout.settings().parent().unwrap()).unwrap();
    std::fs::write(layout.settings(), "[api]\n").unwrap();
    Tries::start_counting(&layout, &id("1.1.0-2")).unwrap();
    begin(&layout, 1);
    assert!(count_end(&layout, &start(1), StartEnd::Misconfigured).unwrap().is_some(), "the release is to blame");
    std::fs::write(layout.settings(), "[api]\nport = \n").unwrap();
    for nth in 2..10 {
        begin(&layout, nth);
        assert_eq!(count_end(&layout, &start(nth), StartEnd::Misconfigured).unwrap(), None);
    }
    assert_eq!(left(&layout), MAX_STARTS - 1);
}

#[test]
fn a_release_that_is_marked_good_itself_is_no_longer_counted() {
    let (_folder, layout) = host("1.1.0-2");
    Tries::start_counting(&layout, &id("1.1.0-2")).unwrap();
    std::fs::write(layout.proven(), "1.0.0-1\n").unwrap();
    assert_eq!(begin(&layout, 1), Start::Allowed);
    assert!(Tries::read(&layout).unwrap().is_some(), "another release is marked good");
    std::fs::write(layout.proven(), "1.1.0-2\n").unwrap();
    assert_eq!(begin(&layout, 1), Start::Allowed);
    assert_eq!(Tries::counting(&layout).unwrap(), None);
    clear_marks(&layout).unwrap();
    assert!(Tries::counting(&layout).unwrap().is_some(), "it has to earn the mark again");
}

#[test]
fn a_counter_of_another_release_counts_nothing() {
    let (_folder, layout) = host("1.0.0-1");
    Tries::start_counting(&layout, &id("1.1.0-2")).unwrap();
    let armed = Tries::read(&layout).unwrap();
    assert_eq!(begin(&layout, 1), Start::Allowed);
    assert_eq!((Tries::counting(&layout).unwrap(), Tries::read(&layout).unwrap()), (None, armed));
}

#[test]
fn a_value_read_before_a_switch_is_not_written_after_it() {
    let (_folder, layout) = host("1.1.0-2");
    Tries::start_counting(&layout, &id("1.1.0-2")).unwrap();
    let lock = lock_counter(&layout).unwrap();
    std::thread::scope(|scope| {
        let hook = scope.spawn(|| begin(&layout, 1));
        std::thread::sleep(10 * POLL);
        assert!(!hook.is_finished(), "it waits for the lock");
        durable::point(&layout.current(), std::path::Path::new("releases/1.2.0-3")).unwrap();
        drop(lock);
        assert_eq!(hook.join().unwrap(), Start::Allowed);
    });
    assert_eq!(Tries::read(&layout).unwrap().unwrap().left, MAX_STARTS, "the release that was left was not counted");
}

#[test]
fn every_change_waits_for_the_lock() {
    let (_folder, layout) = host("1.1.0-2");
    let lock = lock_counter(&layout).unwrap();
    let changes: [fn(&Layout); 3] = [
        |layout| Tries::start_counting(layout, &id("1.1.0-2")).unwrap(),
        |layout| {
            Tries { release: "1.1.0-2".into(), left: 1, start: None, settings: None, exhausted: false }
                .write(layout)
                .unwrap();
        },
        |layout| Tries::stop_counting(layout).unwrap(),
    ];
    std::thread::scope(|scope| {
        let changing = changes.map(|change| {
            scope.spawn({
                let layout = &layout;
                move || change(layout)
            })
        });
        std::thread::sleep(10 * POLL);
        assert!(changing.iter().all(|change| !change.is_finished()));
        drop(lock);
    });
}

#[test]
fn a_release_that_runs_again_has_all_its_starts_unless_it_is_exhausted() {
    let tries = Tries { release: "1.1.0-2".into(), left: 0, start: Some(start(1)), settings: None, exhausted: false };
    assert_eq!((tries.reset().left, tries.reset().start), (MAX_STARTS, None));
    let exhausted = Tries { exhausted: true, start: None, ..tries };
    assert_eq!(exhausted.reset(), exhausted);
}

#[test]
fn notices_that_somebody_changed_the_settings() {
    let (_folder, layout) = host("1.1.0-2");
    std::fs::create_dir_all(layout.settings().parent().unwrap()).unwrap();
    std::fs::write(layout.settings(), "[api]\n").unwrap();
    Tries::start_counting(&layout, &id("1.1.0-2")).unwrap();
    begin(&layout, 1);
    let tries = Tries::counting(&layout).unwrap().unwrap();
    assert!(tries.settings_are_untouched(&layout));
    std::fs::write(layout.settings(), "[api]\nport = \n").unwrap();
    assert!(!tries.settings_are_untouched(&layout));
    std::fs::remove_file(layout.settings()).unwrap();
    assert!(!tries.settings_are_untouched(&layout));
}
