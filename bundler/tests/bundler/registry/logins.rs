//! Registries that want a login, and where logins are kept.

use super::*;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Output;
use std::sync::Mutex;

const SECRET: &str = "s3cr3t:with-colon";

fn basic() -> String {
    format!("Basic {}", STANDARD.encode(format!("ann:{SECRET}")))
}

fn images() -> Images {
    let mut images = Images::default();
    images.image("team/app:1", &[layer("base", 700_000)]);
    images
}

/// A registry that wants `ann`'s password.
fn with_password(images: Images) -> Server {
    Server::start(move |request| {
        if request.header("authorization") == Some(&basic()) {
            return images.answer(request);
        }
        Response::new(401, r#"{"errors": [{"code": "UNAUTHORIZED", "message": "authentication required"}]}"#)
            .with("WWW-Authenticate", "Basic realm=\"Registry Realm\"")
    })
}

fn auths(server: &Server, secret: &str) -> String {
    let auth = STANDARD.encode(format!("ann:{secret}"));
    json!({"auths": {server.address.to_string(): {"auth": auth}}}).to_string()
}

/// Builds with these variables set.
fn build(workspace: &Workspace, variables: &[(&str, &str)]) -> Output {
    let mut bundler = workspace.bundler();
    bundler.args(BUILD).arg("--verbose");
    bundler.envs(variables.iter().copied());
    let output = bundler.output().unwrap();
    let text = String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned();
    assert!(!text.contains("s3cr3t") && !text.contains(&basic()), "{text}");
    output
}

#[test]
fn logins_are_found_where_docker_and_podman_keep_them() {
    let server = with_password(images());
    let workspace = Workspace::new();
    define(&workspace, &server, &[("app", "team/app:1")]);
    let right = auths(&server, SECRET);
    for (file, variables) in [
        (".docker/config.json", vec![]),
        ("docker/config.json", vec![("DOCKER_CONFIG", "docker")]),
        ("run/containers/auth.json", vec![("XDG_RUNTIME_DIR", "run")]),
        (".config/containers/auth.json", vec![]),
        ("named.json", vec![("REGISTRY_AUTH_FILE", "named.json")]),
    ] {
        let path = workspace.write(file, &right);
        let output = build(&workspace, &variables);
        assert!(output.status.success(), "{file}: {}", String::from_utf8_lossy(&output.stderr));
        fs::remove_file(path).unwrap();
    }
    let error = workspace.refused(6, &BUILD);
    assert_eq!(error["code"], "registry_login", "{error}");
    let expected = format!("{} wants a login for team/app (authentication required)", server.address);
    assert!(message(&error).ends_with(&expected), "{error}");
    assert!(error["hint"].as_str().unwrap().contains("podman login"), "{error}");
    workspace.write(".docker/config.json", auths(&server, "wrong"));
    assert_eq!(workspace.refused(6, &BUILD)["code"], "registry_login");
    workspace.write(".docker/config.json", "{\"auths\": {\"s3cr3t\"}}");
    let error = workspace.refused(2, &BUILD);
    assert_eq!(error["code"], "registry_credentials", "{error}");
    assert!(message(&error).contains(".docker/config.json") && !message(&error).contains("s3cr3t"), "{error}");
}

#[test]
fn a_credential_helper_is_asked_for_the_registry() {
    let server = with_password(images());
    let workspace = Workspace::new();
    define(&workspace, &server, &[("app", "team/app:1")]);
    let helper = |name: &str, script: &str| {
        let path = workspace.write(&format!("bin/docker-credential-{name}"), format!("#!/bin/sh\n{script}\n"));
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    };
    let answer = json!({"ServerURL": "x", "Username": "ann", "Secret": SECRET}).to_string();
    helper("good", &format!("[ \"$1\" = get ] && [ \"$(cat)\" = {} ] && echo '{answer}'", server.address));
    helper("empty", "echo 'credentials not found in native keychain'; exit 1");
    helper("broken", "echo 'the keychain is locked'; exit 1");
    let bin = workspace.path("bin");
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let of = |config: Value| {
        workspace.write(".docker/config.json", config.to_string());
        build(&workspace, &[("PATH", &path)])
    };
    let host = server.address.to_string();
    assert!(of(json!({"credHelpers": {host.clone(): "good"}, "credsStore": "broken"})).status.success());
    assert!(of(json!({"credsStore": "good"})).status.success());
    let auth = STANDARD.encode(format!("ann:{SECRET}"));
    assert!(of(json!({"credsStore": "empty", "auths": {host.clone(): {"auth": auth}}})).status.success());
    for (config, expected) in [
        (json!({"credsStore": "empty"}), "wants a login"),
        (json!({"credsStore": "broken"}), "the keychain is locked"),
        (json!({"credHelpers": {host: "gone"}}), "docker-credential-gone"),
    ] {
        let output = of(config);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(6) && said.contains(expected), "{said}");
    }
}

/// A registry that wants tokens, of which each is good for `uses` requests, and their server.
fn with_tokens(images: Images, uses: usize) -> (Server, Server) {
    let given = std::sync::Arc::new(Mutex::new((0, 0)));
    let counted = std::sync::Arc::clone(&given);
    let tokens = Server::start(move |request| {
        let is_anns = request.header("authorization") == Some(&basic());
        let is_renewed =
            request.body.contains("grant_type=refresh_token") && request.body.contains("refresh_token=re%2Fnew");
        if !is_anns && !is_renewed {
            return Response::new(401, "{}");
        }
        let mut given = counted.lock().unwrap();
        *given = (given.0 + 1, 0);
        Response::new(200, json!({"token": format!("token-{}", given.0), "expires_in": 60}).to_string())
    });
    let realm = format!("http://{}/token", tokens.address);
    let registry = Server::start(move |request| {
        let mut given = given.lock().unwrap();
        let (number, taken) = *given;
        if number > 0 && taken < uses && request.header("authorization") == Some(&format!("Bearer token-{number}")) {
            given.1 += 1;
            return images.answer(request);
        }
        let challenge = format!("Bearer realm=\"{realm}\",service=\"registry\",scope=\"repository:team/app:pull\"");
        Response::new(401, "{}").with("WWW-Authenticate", challenge)
    });
    (registry, tokens)
}

#[test]
fn a_token_is_asked_for_and_again_when_it_is_used_up() {
    for uses in [1, 100] {
        let (registry, tokens) = with_tokens(images(), uses);
        let workspace = Workspace::new();
        define(&workspace, &registry, &[("app", "team/app:1")]);
        let auth = STANDARD.encode(format!("ann:{SECRET}"));
        let host = registry.address.to_string();
        for entry in [json!({"auth": auth}), json!({"identitytoken": "re/new"})] {
            workspace.write(".docker/config.json", json!({"auths": {host.clone(): entry}}).to_string());
            let output = build(&workspace, &[]);
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
        let asked = &tokens.seen()[0];
        assert!(asked.path.contains("service=registry&scope=repository%3Ateam%2Fapp%3Apull"), "{asked:?}");
        // The manifest, the configuration and the layer, twice.
        assert_eq!(tokens.seen().len(), if uses == 1 { 6 } else { 2 });
        fs::remove_file(workspace.path(".docker/config.json")).unwrap();
        assert_eq!(workspace.refused(6, &BUILD)["code"], "registry_login");
    }
}

#[test]
fn blobs_that_lie_elsewhere_are_fetched_without_the_login() {
    let images = images();
    let store = {
        let images = images.clone();
        Server::start(move |request| match request.header("authorization") {
            Some(_) => Response::new(400, ""),
            None => images.answer(request),
        })
    };
    let address = store.address;
    let registry = Server::start(move |request| {
        if request.header("authorization") != Some(&basic()) {
            return Response::new(401, "{}").with("WWW-Authenticate", "Basic realm=\"x\"");
        }
        if request.path.contains("/blobs/") {
            return Response::new(307, "").with("Location", format!("http://{address}{}", request.path));
        }
        images.answer(request)
    });
    let workspace = Workspace::new();
    define(&workspace, &registry, &[("app", "team/app:1")]);
    workspace.write(".docker/config.json", auths(&registry, SECRET));
    built(&workspace);
    assert_eq!(store.count("/blobs/"), 2);
}
