//! Files that have an address, from servers that do what they should, and from some that do not.

use crate::registry::server::{Request, Response, Server};
use crate::workspace::{Workspace, noise};
use landfall_manifests::Digest;
use serde_json::Value;
use std::sync::atomic::{AtomicUsize, Ordering};

const BUILD: [&str; 6] = ["build", "acme.toml", "--key", "k.key", "--out", "acme.tar"];

fn content() -> Vec<u8> {
    noise(3_000_000)
}

/// A definition of a file at this path of the server.
fn define(workspace: &Workspace, server: &Server, path: &str, content: &[u8]) {
    let digest = Digest::of(content).hex();
    let source = format!("http://{}{path}", server.address);
    workspace.define(&format!("[[file]]\nsource = \"{source}\"\npath = \"data/file\"\nsha256 = \"{digest}\"\n"));
}

/// The file in the release of the bundle that is built.
fn file(workspace: &Workspace) -> Value {
    workspace.ok(&BUILD);
    workspace.ok(&["verify", "acme.tar", "--trust", "k.pub"]);
    let release = workspace.release("acme.tar");
    release["files"].as_array().unwrap().iter().find(|file| file["path"] == "data/file").unwrap().clone()
}

#[test]
fn a_file_that_is_downloaded_is_packed_as_one_that_is_here() {
    let workspace = Workspace::new();
    let content = content();
    workspace.write("file", &content);
    let digest = Digest::of(&content).hex();
    workspace.define(&format!("[[file]]\nsource = \"file\"\npath = \"data/file\"\nsha256 = \"{digest}\"\n"));
    let here = file(&workspace);
    let offered = content.clone();
    let server = Server::start(move |request: &Request| match request.path.as_str() {
        "/moved" => Response::new(302, "").with("Location", "/file"),
        _ => Response::new(200, offered.clone()),
    });
    for path in ["/file", "/moved"] {
        define(&workspace, &server, path, &content);
        assert_eq!(file(&workspace), here, "{path}");
    }
    assert!(workspace.names().iter().all(|name| !name.contains("partial")), "{:?}", workspace.names());
}

#[test]
fn a_download_goes_on_after_the_connection_was_lost() {
    let workspace = Workspace::new();
    let content = content();
    for knows_ranges in [true, false] {
        let (offered, times) = (content.clone(), AtomicUsize::new(0));
        let server = Server::start(move |request: &Request| {
            let is_whole = times.fetch_add(1, Ordering::Relaxed) > 1;
            let offset = request.offset().filter(|_| knows_ranges);
            let rest = Response::new(if offset.is_some() { 206 } else { 200 }, &offered[offset.unwrap_or_default()..]);
            if is_whole { rest } else { rest.cut(1_000_000) }
        });
        define(&workspace, &server, "/file", &content);
        assert_eq!(file(&workspace)["size"], content.len());
        let offsets: Vec<Option<usize>> = server.seen().iter().map(Request::offset).collect();
        // What came before is not asked for again.
        assert!(offsets[0].is_none() && offsets[1] >= Some(1), "{offsets:?}");
        assert_eq!(offsets.len(), 3);
    }
}

#[test]
fn what_is_not_what_it_should_be_or_not_there_is_refused() {
    let workspace = Workspace::new();
    let server = Server::start(|request: &Request| match request.path.as_str() {
        "/file" => Response::new(200, "other"),
        "/login" => Response::new(401, ""),
        _ => Response::new(404, ""),
    });
    for (path, exit, code) in
        [("/file", 3, "damaged_file"), ("/login", 2, "missing_file"), ("/gone", 2, "missing_file")]
    {
        define(&workspace, &server, path, b"content");
        let before = workspace.names();
        let error = workspace.refused(exit, &BUILD);
        assert_eq!(error["code"], code, "{error}");
        assert!(error["message"].as_str().unwrap().starts_with("acme.toml:9: http://127.0.0.1:"), "{error}");
        assert_eq!(workspace.names(), before);
    }
    drop(server);
    // One that is here, too.
    workspace.write("docs/file", "other");
    let digest = Digest::of(b"content").hex();
    for (source, exit, code) in [("docs/file", 3, "damaged_file"), ("docs", 2, "definition")] {
        workspace.define(&format!("[[file]]\nsource = \"{source}\"\npath = \"data\"\nsha256 = \"{digest}\"\n"));
        assert_eq!(workspace.refused(exit, &BUILD)["code"], code, "{source}");
    }
    // Not without TLS, but on loopback.
    workspace
        .define(&format!("[[file]]\nsource = \"http://files.invalid/a\"\npath = \"data\"\nsha256 = \"{digest}\"\n"));
    assert_eq!(workspace.refused(6, &BUILD)["code"], "insecure_registry");
}
