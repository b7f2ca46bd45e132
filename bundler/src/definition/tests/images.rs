//! What is said of an image.

use super::*;

#[test]
fn reads_what_is_put_onto_a_base() {
    let added = "{ source = \"${NAME}\", path = \"/www/\" }, { source = \"/b\", path = \"/\", owner = \"33:44\" }, \
                 { source = \"c\", path = \"/c\", owners = \"keep\" }";
    let definition = parse(&format!("{RELEASE}{}ports = [\"80\", \"80/tcp\"]\n", adds(added))).unwrap();
    let image = &definition.images[0];
    assert_eq!(image.source, ImageSource::OciFolder { folder: "defs/a".into(), name: None });
    assert_eq!((image.source_text.as_str(), &image.process.ports), ("from oci:a", &["80/tcp".to_owned()].into()));
    let additions = image.additions.as_ref().unwrap().iter();
    let additions = additions.map(|one| (one.source.path.to_str().unwrap(), one.path.to_string(), one.owner));
    assert_eq!(
        additions.collect::<Vec<_>>(),
        [
            ("defs/hello", "/www".to_owned(), FileOwner::ROOT),
            ("/b", "/".to_owned(), FileOwner::Numbers { user: 33, group: 44 }),
            ("defs/c", "/c".to_owned(), FileOwner::Kept),
        ]
    );
}

#[test]
fn reads_what_an_image_needs() {
    let text = format!(
        "{RELEASE}{}",
        needs(
            "start_period = \"${SECONDS}\", memory = \"1GiB\", capabilities = [\"CHOWN\"], writable = [{ path = \"/a\", kind = \"tmpfs\" }, \
             { path = \"/b\", kind = \"tmpfs\", size = \"4KiB\" }, { path = \"/c\", kind = \"volume\" }]"
        )
    );
    let variables = Variables::new([], [("SECONDS".to_owned(), "9".to_owned())]);
    let definition = Definition::parse(&text, Path::new("acme.toml"), &variables).unwrap();
    let tenant = definition.images[0].tenant.clone().unwrap();
    assert_eq!((tenant.start_period.duration().as_secs(), tenant.memory), (9, Some(1 << 30)));
    assert_eq!(tenant.capabilities, [Capability::Chown].into());
    let path = |path: &str| path.parse().unwrap();
    assert_eq!(
        tenant.writable,
        [
            Writable::Tmpfs { path: path("/a"), size: 64 << 20 },
            Writable::Tmpfs { path: path("/b"), size: 4096 },
            Writable::Volume { path: path("/c") },
        ]
    );
}

#[test]
fn the_first_tenant_image_of_the_definition_is_the_canary_unless_another_is() {
    let canaries = |body: &str| -> Vec<String> {
        let images = parse(&format!("{RELEASE}{body}")).unwrap().images;
        let is_canary = |image: &ImageSection| image.tenant.as_ref().is_some_and(|tenant| tenant.canary);
        images.into_iter().filter(is_canary).map(|image| image.name.to_string()).collect()
    };
    let image = |name: &str, more: &str| needs(more).replace("name = \"a\"", &format!("name = \"{name}\""));
    let plain = "[[image]]\nname = \"base\"\nsource = \"oci:base\"\n";
    let (second, first) = (image("a", "memory = \"1GiB\""), image("z", "memory = \"1GiB\""));
    assert_eq!(canaries(&format!("{plain}{first}{second}")), ["z"]);
    assert_eq!(canaries(&format!("{plain}{first}{}", image("a", "canary = true"))), ["a"]);
    assert_eq!(canaries(plain), [""; 0]);
}
