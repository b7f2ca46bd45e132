//! Manual pages and completions on the host.

use crate::fixture::{PAGES, Parts, Scene};

/// What man(1) or a shell reads under this path: the file that its link leads to.
fn read(scene: &Scene, page: &str) -> String {
    let link = scene.root().join("usr/local").join(page);
    let target = std::fs::read_link(&link).unwrap_or_else(|error| panic!("{}: {error}", link.display()));
    scene.read(target.strip_prefix("/").unwrap().to_str().unwrap())
}

/// The pages in `man1` that are about one version alone.
fn of_versions(scene: &Scene) -> Vec<String> {
    let entries = std::fs::read_dir(scene.root().join("usr/local/share/man/man1")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.contains(|char: char| char.is_ascii_digit()) && name.matches('.').count() > 1).collect()
}

#[test]
fn pages_follow_the_current_release() {
    let (scene, _) = Scene::installed();
    let holds = |version: &str| {
        for page in PAGES {
            assert_eq!(read(&scene, page), format!("{page} of {version}"));
        }
        assert_eq!(of_versions(&scene), [format!("landfall-{version}.1")]);
    };
    holds("1.0.0");
    let next = scene.put("next.tar", &Parts::new("1.1.0", 2).pack(&scene.key));
    scene.run(&["update", next.to_str().unwrap()]).ok();
    holds("1.1.0");
    scene.run(&["rollback"]).ok();
    holds("1.0.0");
}

#[test]
fn an_uninstallation_takes_pages_and_their_folders_away() {
    for before in [&[][..], &["usr/local/share/man/man1"]] {
        let scene = Scene::new();
        for folder in before.iter().map(|folder| scene.root().join(folder)) {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join("other.1"), "not ours").unwrap();
        }
        let tree = scene.tree();
        scene.install(&scene.put("good.tar", &Parts::new("1.0.0", 1).pack(&scene.key))).ok();
        assert!(read(&scene, "share/man/man1/landfall.1").ends_with("1.0.0"));
        scene.run(&["uninstall", "--purge", "--yes"]).ok();
        assert_eq!(scene.tree(), tree, "{before:?}");
    }
}

#[test]
fn a_foreign_page_is_kept() {
    let scene = Scene::new();
    let page = "usr/local/share/man/man1/landfall.1";
    std::fs::create_dir_all(scene.root().join(page).parent().unwrap()).unwrap();
    std::fs::write(scene.root().join(page), "by hand").unwrap();
    scene.install(&scene.put("good.tar", &Parts::new("1.0.0", 1).pack(&scene.key))).ok();
    scene.run(&["uninstall", "--purge", "--yes"]).ok();
    assert_eq!(scene.read(page), "by hand");
}
