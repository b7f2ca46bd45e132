//! A registry whose connections break, that is busy, or that sends something else than it should.

use super::server::End;
use super::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A registry with one image of one large layer, and that layer's path.
struct Registry {
    images: Images,
    blob: Vec<u8>,
}

impl Registry {
    fn new() -> Self {
        let mut images = Images::default();
        let layer = layer("large", 3 << 20);
        images.image("app:1", std::slice::from_ref(&layer));
        Self { images, blob: gzip(&layer) }
    }

    /// A server at which `fault` changes the answers to requests for the layer, given how many there were before.
    fn with(&self, fault: impl Fn(usize, &Request, Response) -> Response + Send + Sync + 'static) -> Server {
        let (images, path, times) = (self.images.clone(), digest(&self.blob), AtomicUsize::new(0));
        Server::start(move |request| {
            let response = images.answer(request);
            if !request.path.ends_with(&path) {
                return response;
            }
            fault(times.fetch_add(1, Ordering::Relaxed), request, response)
        })
    }

    /// Where each request for the layer began.
    fn offsets(&self, server: &Server) -> Vec<usize> {
        let seen = server.seen();
        let of_layer = seen.iter().filter(|request| request.path.ends_with(&digest(&self.blob)));
        of_layer.map(|request| request.offset().unwrap_or(0)).collect()
    }
}

fn one(server: &Server) -> Workspace {
    let workspace = Workspace::new();
    define(&workspace, server, &[("app", "app:1")]);
    workspace
}

#[test]
fn a_blob_goes_on_where_its_connection_was_lost() {
    let registry = Registry::new();
    let server = registry.with(|times, _, response| if times < 3 { response.cut(1_000_000) } else { response });
    built(&one(&server));
    let offsets = registry.offsets(&server);
    assert_eq!(offsets.len(), 4, "{offsets:?}");
    assert!(offsets.windows(2).all(|pair| pair[0] < pair[1]), "{offsets:?}");
    assert!(offsets[3] > 2_000_000, "{offsets:?}");
}

#[test]
fn a_server_that_knows_no_ranges_sends_a_blob_again() {
    let registry = Registry::new();
    let blob = registry.blob.clone();
    let server = registry.with(move |times, _, _| {
        let whole = Response::new(200, blob.clone());
        if times < 2 { whole.cut(1_000_000) } else { whole }
    });
    built(&one(&server));
    assert_eq!(registry.offsets(&server).len(), 3);
}

#[test]
fn connections_that_bring_nothing_are_not_made_for_ever() {
    let registry = Registry::new();
    let server = registry.with(|_, _, response| response.cut(10));
    let error = refused(&one(&server), 6, &[]);
    assert_eq!(error["code"], "registry", "{error}");
    assert!(message(&error).contains(&format!("the connection to {} was lost", server.address)), "{error}");
    assert_eq!(registry.offsets(&server).len(), 6);
}

#[test]
fn a_connection_that_is_silent_is_given_up() {
    let registry = Registry::new();
    let server = registry.with(|times, _, response| match times {
        0 => Response { end: End::Silence, ..response.cut(1_000_000) },
        _ => response,
    });
    built(&one(&server));
    let offsets = registry.offsets(&server);
    assert!(offsets.len() == 2 && offsets[1] > 900_000, "{offsets:?}");
}

#[test]
fn lengths_that_lie_are_refused() {
    let registry = Registry::new();
    let length = registry.blob.len();
    for said in [length - 1, length + 1, usize::MAX >> 1] {
        let server = registry.with(move |_, _, response| Response { said: Some(said), ..response });
        let error = refused(&one(&server), 3, &[]);
        assert_eq!(error["code"], "damaged_image", "{error}");
        assert!(message(&error).contains(&format!("has {said} bytes, and it should have {length}")), "{error}");
    }
    // Only when it goes on.
    let server = registry.with(move |times, request, response| match times {
        0 => response.cut(1_000_000),
        _ => Response { headers: Vec::new(), ..response }
            .with("Content-Range", format!("bytes {}-9/10", request.offset().unwrap())),
    });
    assert_eq!(refused(&one(&server), 3, &[])["code"], "damaged_image");
    let server = registry.with(move |times, _, response| match times {
        0 => response.cut(1_000_000),
        _ => Response { headers: Vec::new(), ..response }.with("Content-Range", format!("bytes 7-9/{length}")),
    });
    let error = refused(&one(&server), 6, &[]);
    assert!(message(&error).contains("sends another part"), "{error}");
}

#[test]
fn wrong_bytes_are_refused_wherever_they_are() {
    let registry = Registry::new();
    for at in [0, 5, 1_500_000, registry.blob.len() - 6, registry.blob.len() - 1] {
        let server = registry.with(move |_, _, mut response| {
            response.body[at] ^= 1;
            response
        });
        let error = refused(&one(&server), 3, &[]);
        assert_eq!(error["code"], "damaged_image", "{at}: {error}");
    }
    // In what a tag stands for, whose digest the registry tells, and in a configuration.
    for part in ["/manifests/", "/blobs/"] {
        let (images, path) = (registry.images.clone(), digest(&registry.blob));
        let server = Server::start(move |request| {
            let mut response = images.answer(request);
            if request.path.contains("/manifests/") {
                let digest = digest(&response.body);
                response = response.with("Docker-Content-Digest", digest);
            }
            if request.path.contains(part) && !request.path.ends_with(&path) {
                // A blank is JSON as well.
                response.body.push(b' ');
            }
            response
        });
        assert_eq!(refused(&one(&server), 3, &[])["code"], "damaged_image", "{part}");
    }
}

#[test]
fn a_registry_that_is_busy_is_asked_again_when_it_wants_to_be() {
    let registry = Registry::new();
    let images = registry.images.clone();
    let times = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&times);
    let server = Server::start(move |request| match count.fetch_add(1, Ordering::Relaxed) {
        1 => Response::new(429, "slow down").with("Retry-After", "1"),
        2 => Response::new(503, "").with("Retry-After", "Wed, 21 Oct 2015 07:28:00 GMT"),
        3 => Response::new(500, ""),
        _ => images.answer(request),
    });
    let started = std::time::Instant::now();
    built(&one(&server));
    assert!(started.elapsed().as_secs() >= 1, "it was asked before it wanted to be");
    assert!(times.load(Ordering::Relaxed) > 4);
}

#[test]
fn a_registry_that_stays_busy_is_told_with_what_it_says() {
    let images = Registry::new().images;
    let busy = |wait: &'static str| {
        let (images, body) =
            (images.clone(), r#"{"errors": [{"code": "TOOMANYREQUESTS", "message": "your\u001b limit"}]}"#);
        Server::start(move |request| match request.path.as_str() {
            "/v2/" => images.answer(request),
            _ => Response::new(429, body).with("Retry-After", wait),
        })
    };
    let server = busy("0");
    let error = refused(&one(&server), 6, &[]);
    assert_eq!(error["code"], "registry", "{error}");
    assert!(message(&error).contains("(status 429)") && message(&error).contains("your\\u{1b} limit"), "{error}");
    assert_eq!(server.count("/manifests/"), 6);
    // Nobody waits for an hour without a word.
    let server = busy("3600");
    let error = refused(&one(&server), 6, &[]);
    assert!(message(&error).contains("wants to be asked again in 3600 seconds"), "{error}");
    assert_eq!(server.count("/manifests/"), 1);
}

#[test]
fn redirects_end() {
    let images = Registry::new().images;
    let server = Server::start(move |request| match request.path.as_str() {
        "/v2/" => images.answer(request),
        path => Response::new(302, "").with("Location", path.to_owned()),
    });
    let error = refused(&one(&server), 6, &[]);
    assert!(message(&error).contains("redirects without end"), "{error}");
}
