use super::*;
use crate::definition::{Definition, ImageSource, Variables};
use std::path::Path;

fn starter(image: Option<&str>, tenant: Option<&str>) -> Starter {
    Starter {
        product: "acme".parse().unwrap(),
        version: "1.0.0".parse().unwrap(),
        image: image.map(|answer| StarterImage::of(answer, Path::new(".")).unwrap()),
        tenant: tenant.map(|answer| answer.parse().unwrap()),
    }
}

fn parsed(starter: &Starter) -> Definition {
    Definition::parse(&starter.text().unwrap(), Path::new("acme.toml"), &Variables::default()).unwrap()
}

#[test]
fn what_is_written_explains_itself() {
    insta::assert_snapshot!("without_an_image", starter(None, None).text().unwrap());
    let tenant = starter(Some("docker://registry.lan/team/node:1.0"), Some("node/express:8080"));
    insta::assert_snapshot!("with_a_tenants_image", tenant.text().unwrap());
}

#[test]
fn what_is_written_says_what_was_answered() {
    assert!(parsed(&starter(None, None)).images.is_empty());
    let of_tenant = parsed(&starter(Some("docker://debian:12"), Some("c#/\"quoted\"")));
    let [image] = of_tenant.images.as_slice() else { panic!("one image") };
    assert_eq!(image.source, ImageSource::Registry { reference: "docker.io/library/debian:12".parse().unwrap() });
    let tenant = image.tenant.as_ref().unwrap();
    assert_eq!((tenant.language.as_str(), tenant.framework.as_deref(), tenant.port), ("c#", Some("\"quoted\""), 3000));
    // A folder may be called like anything, and nothing in it is a variable.
    for name in ["a b", "${HOME}", "$${", "quo\"te'", "back\\slash", "new\nline", "täb\t", "\u{1b}[2J", "'''"] {
        let folder = parsed(&starter(Some(&format!("rootfs:{name}")), None));
        assert_eq!(folder.images[0].source, ImageSource::Rootfs { folder: name.into() }, "{name:?}");
    }
}

#[test]
fn comments_that_offer_keys_offer_those_that_there_are() {
    for starter in [starter(None, None), starter(Some("rootfs:root"), None)] {
        // Every line that is commented out is a key or a table that may be there.
        let text = starter.text().unwrap();
        let is_offered = |line: &&str| {
            line.starts_with("# [[")
                || line.split_once(" = ").is_some_and(|(key, _)| key.starts_with("# ") && !key[2..].contains(' '))
        };
        let offered: Vec<&str> = text.lines().filter(is_offered).collect();
        assert!(offered.len() > 5, "{offered:?}");
        let all =
            text.lines().map(|line| if is_offered(&line) { &line[2..] } else { line }).collect::<Vec<_>>().join("\n");
        Definition::parse(&all, Path::new("acme.toml"), &Variables::default()).unwrap();
    }
}
