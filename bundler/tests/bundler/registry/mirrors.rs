//! Mirrors: asked first, trusted in nothing, and missed by nobody.

use super::*;

/// An upstream with the image, and a workspace that wants it.
fn upstream() -> (Server, Images, Workspace) {
    let mut images = Images::default();
    images.image("team/app:1", &[layer("base", 700_000), layer("app", 1000)]);
    let answers = images.clone();
    let upstream = Server::start(move |request| answers.answer(request));
    let workspace = Workspace::new();
    define(&workspace, &upstream, &[("app", "team/app:1")]);
    (upstream, images, workspace)
}

/// What was said, and the bundle.
fn built_with_mirror(workspace: &Workspace, upstream: &Server, mirror: &str) -> (String, Vec<u8>) {
    let mirror = format!("{}={mirror}", upstream.address);
    let output = workspace.run(&[&BUILD[..], &["--registry-mirror", &mirror]].concat());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    (said, fs::read(workspace.path("acme.tar")).unwrap())
}

#[test]
fn a_mirror_stands_in_for_its_registry() {
    let (upstream, mut images, workspace) = upstream();
    let without = workspace.build("acme.tar");
    let asked = upstream.seen().len();
    images.image("hub/team/app:1", &[layer("base", 700_000), layer("app", 1000)]);
    let mirror = Server::start(move |request| images.answer(request));
    for path in ["", "/hub"] {
        let (_, with) = built_with_mirror(&workspace, &upstream, &format!("{}{path}", mirror.address));
        assert!(with == without, "it is the same image");
    }
    assert_eq!(upstream.seen().len(), asked, "the registry itself was asked");
    assert!(mirror.count("/v2/hub/team/app/blobs/") == 3 && mirror.count("/v2/team/app/blobs/") == 3);
}

#[test]
fn a_mirror_that_fails_is_told_and_its_registry_is_asked() {
    let (upstream, images, workspace) = upstream();
    let without = workspace.build("acme.tar");
    let changed = |part: String| {
        let images = images.clone();
        Server::start(move |request| {
            let mut response = images.answer(request);
            if request.path.contains(&part) {
                let middle = response.body.len() / 2;
                response.body[middle] ^= 1;
            }
            response
        })
    };
    let wrong_documents = changed("/blobs/".to_owned());
    let wrong_layer = changed(digest(&gzip(&layer("base", 700_000))));
    let cut = {
        let images = images.clone();
        Server::start(move |request| match images.answer(request) {
            response if request.path.contains("/blobs/") => response.cut(0),
            response => response,
        })
    };
    let refusing = Server::start(|request: &Request| match request.path.as_str() {
        "/v2/" => Response::new(200, "{}"),
        _ => Response::new(403, "{}"),
    });
    let gone = Server::start(|_| Response::new(200, "")).address;
    for (mirror, expected) in [
        (wrong_documents.address, "sends something else"),
        (wrong_layer.address, "sends something else"),
        (cut.address, "was lost"),
        (refusing.address, "wants a login"),
        (gone, "this mirror is not asked any more"),
    ] {
        let (said, with) = built_with_mirror(&workspace, &upstream, &mirror.to_string());
        assert!(with == without, "it is the same image");
        assert_eq!(said.matches("warning: ").count(), 1, "{said}");
        assert!(said.contains(expected) && said.contains(&mirror.to_string()), "{said}");
    }
    // A mirror need not have everything.
    let empty = Server::start(|_| Response::new(404, "{}"));
    let (said, with) = built_with_mirror(&workspace, &upstream, &empty.address.to_string());
    assert!(with == without && !said.contains("mirror"), "{said}");
}
