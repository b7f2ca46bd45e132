//! Requests to a registry: with a login where it wants one, and again where they failed in a way that may pass.

use super::challenge::{self, Challenge};
use super::credentials::{self, Credentials, Secret};
use super::transport::{self, Request, Transport};
use super::{RegistryError, backoff};
use data_encoding::BASE64;
use landfall_console::{Console, OneLine};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use ureq::Body;
use ureq::http::{HeaderMap, Response, StatusCode, header};
use url::Url;

/// What a registry says of an error, in bytes.
const ERROR_BYTES: u64 = 8 << 10;
/// As much of it as is shown, in characters.
const ERROR_SHOWN: usize = 200;
/// The answer of a token server, in bytes.
const TOKEN_BYTES: u64 = 1 << 20;
/// Who asks for a token (distribution, "Docker Registry v2 authentication using OAuth2").
const CLIENT: &str = "landfall-bundler";
/// Pauses from this length on are told.
const LONG_PAUSE: Duration = Duration::from_secs(5);

/// A repository of one registry.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// The host that serves it.
    pub(super) host: String,
    /// The host that its login is for.
    pub(super) login: String,
    pub(super) repository: String,
}

/// The `Authorization` header that a repository took last.
type Authorization = Option<Arc<Secret>>;

/// Requests, with what is known of registries so far.
#[derive(Debug)]
pub(super) struct Sessions {
    transport: Transport,
    auth_files: Vec<PathBuf>,
    authorizations: Mutex<BTreeMap<Place, Arc<Mutex<Authorization>>>>,
    /// Hosts that have answered: those are waited for when they are gone.
    answered: Mutex<BTreeSet<String>>,
    console: Console,
}

impl Sessions {
    pub(super) fn new(transport: Transport, auth_files: Vec<PathBuf>, console: Console) -> Self {
        Self { transport, auth_files, authorizations: Mutex::default(), answered: Mutex::default(), console }
    }

    /// All of a small document, and its media type.
    pub(super) fn document(
        &self,
        place: &Place,
        path: &str,
        accept: &str,
        limit: u64,
    ) -> Result<(Vec<u8>, HeaderMap), RegistryError> {
        let mut failures = 0;
        loop {
            let got = self.get(place, path, vec![(header::ACCEPT, accept.to_owned())]).and_then(|mut response| {
                let mut bytes = Vec::new();
                let read = response.body_mut().as_reader().take(limit + 1).read_to_end(&mut bytes);
                read.map_err(|error| transport::failed(place.host.clone(), &error.into()))?;
                Ok((bytes, response.headers().clone()))
            });
            match got {
                Ok(got) => return Ok(got),
                Err(error) => self.pause(&mut failures, error)?,
            }
        }
    }

    /// Waits until a request is due again that failed, unless it would be in vain.
    pub(super) fn pause(&self, failures: &mut u32, error: RegistryError) -> Result<(), RegistryError> {
        *failures += 1;
        let is_known = |host: &str| lock(&self.answered).contains(host);
        let (may_pass, asked) = match &error {
            RegistryError::Unreachable { host, .. } => (is_known(host), None),
            RegistryError::Busy { wait, .. } => (true, *wait),
            other => (other.may_pass(), None),
        };
        // Where the kernel has no randomness, pauses are of the same length.
        let random = getrandom::u32().unwrap_or_default();
        match backoff::pause(*failures, asked, random).filter(|_| may_pass) {
            Some(pause) => {
                if pause >= LONG_PAUSE {
                    self.console.say(format_args!("{error}: trying again in {} seconds", pause.as_secs()));
                }
                std::thread::sleep(pause);
                Ok(())
            }
            None => Err(error),
        }
    }

    /// Asks for what is at `path` of a repository.
    pub(super) fn get(
        &self,
        place: &Place,
        path: &str,
        headers: Vec<(header::HeaderName, String)>,
    ) -> Result<Response<Body>, RegistryError> {
        let url = self.transport.address(&place.host, &format!("/v2/{}/{path}", place.repository))?;
        let request = Request { url, headers, form: None };
        let kept = Arc::clone(lock(&self.authorizations).entry(place.clone()).or_default());
        let used = lock(&kept).clone();
        let mut response = self.transport.send(&request, used.as_ref().map(|it| &***it))?;
        lock(&self.answered).insert(place.host.clone());
        if response.status() == StatusCode::UNAUTHORIZED {
            let fresh = self.renew(place, &kept, used.as_ref(), &mut response)?;
            response = self.transport.send(&request, Some(&fresh))?;
        }
        let what = format!("{}/{path}", place.repository);
        check(&place.host, &what, response)
    }

    /// Sends a request without a login.
    pub(super) fn send(&self, request: &Request) -> Result<Response<Body>, RegistryError> {
        let response = self.transport.send(request, None)?;
        lock(&self.answered).insert(transport::host_of(&request.url));
        Ok(response)
    }

    /// Another authorization than the one that was refused. Only one thread asks for it; the others wait for what it gets.
    fn renew(
        &self,
        place: &Place,
        kept: &Mutex<Authorization>,
        refused: Option<&Arc<Secret>>,
        response: &mut Response<Body>,
    ) -> Result<Arc<Secret>, RegistryError> {
        let mut kept = lock(kept);
        if let Some(other) = kept.as_ref().filter(|kept| refused != Some(*kept)) {
            return Ok(Arc::clone(other));
        }
        let offered = response.headers().get_all(header::WWW_AUTHENTICATE).iter();
        let offered = offered.filter_map(|value| value.to_str().ok()).flat_map(challenge::parse);
        let offered: Vec<Challenge> = offered.collect();
        let credentials = credentials::find(&self.auth_files, &place.login, &place.repository)?;
        let of_scheme = |scheme: &str| offered.iter().find(|challenge| challenge.scheme == scheme);
        let fresh = match (of_scheme("bearer"), of_scheme("basic"), credentials) {
            (Some(_), _, Some(Credentials::Bearer(token))) => format!("Bearer {}", &*token),
            (Some(bearer), _, credentials) => format!("Bearer {}", &*self.token(place, bearer, credentials.as_ref())?),
            (None, Some(_), Some(Credentials::Password { user, password })) => basic(&user, &password),
            (None, ..) => {
                let message = message(response);
                return Err(RegistryError::Login { host: place.host.clone(), what: place.repository.clone(), message });
            }
        };
        let fresh = Arc::new(Secret::from(fresh));
        *kept = Some(Arc::clone(&fresh));
        Ok(fresh)
    }

    /// A token from the server that a registry names (distribution, "Token Authentication Specification").
    fn token(
        &self,
        place: &Place,
        challenge: &Challenge,
        credentials: Option<&Credentials>,
    ) -> Result<Secret, RegistryError> {
        let answer = |reason: &str| RegistryError::Answer { host: place.host.clone(), reason: reason.to_owned() };
        let realm = challenge.parameters.get("realm").map(|realm| realm.parse::<Url>());
        let mut url = realm.and_then(Result::ok).ok_or_else(|| answer("it names no server of tokens"))?;
        let scope = challenge.parameters.get("scope").cloned();
        let scope = scope.unwrap_or_else(|| format!("repository:{}:pull", place.repository));
        let service = challenge.parameters.get("service").cloned();
        let named = service.map(|service| ("service", service)).into_iter().chain([("scope", scope)]);
        let mut form = None;
        let mut authorization = None;
        match credentials {
            Some(Credentials::Identity(token)) => {
                let grant = [("grant_type", "refresh_token"), ("client_id", CLIENT)];
                let grant = grant.map(|(name, value)| (name, value.to_owned()));
                let posted = named.chain(grant).map(|(name, value)| (name, Secret::from(value)));
                form = Some(posted.chain([("refresh_token", token.clone())]).collect());
            }
            Some(Credentials::Password { user, password }) => {
                authorization = Some(Secret::from(basic(user, password)));
                url.query_pairs_mut().append_pair("account", user).extend_pairs(named);
            }
            Some(Credentials::Bearer(_)) | None => {
                url.query_pairs_mut().extend_pairs(named);
            }
        }
        let host = transport::host_of(&url);
        let request = Request { url, headers: Vec::new(), form };
        let response = self.transport.send(&request, authorization.as_deref())?;
        let mut response = check(&host, &place.repository, response).map_err(|error| match error {
            // It is the registry that a login is for.
            RegistryError::Login { what, message, .. } => {
                RegistryError::Login { host: place.host.clone(), what, message }
            }
            other => other,
        })?;
        let mut text = String::new();
        let read = response.body_mut().as_reader().take(TOKEN_BYTES).read_to_string(&mut text);
        read.map_err(|error| transport::failed(host, &error.into()))?;
        let text = Secret::from(text);
        let answered: TokenAnswer =
            serde_json::from_str(&text).map_err(|_| answer("its server of tokens sent none"))?;
        let token = [answered.token, answered.access_token].into_iter().find(|token| !token.is_empty());
        token.ok_or_else(|| answer("its server of tokens sent none"))
    }
}

#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct TokenAnswer {
    token: Secret,
    access_token: Secret,
}

/// RFC 7617.
fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", BASE64.encode(format!("{user}:{password}").as_bytes()))
}

/// Passes on a response that has what was asked for.
pub(super) fn check(host: &str, what: &str, mut response: Response<Body>) -> Result<Response<Body>, RegistryError> {
    let (host, what) = (host.to_owned(), what.to_owned());
    let status = response.status();
    let wait = response.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
    let wait = wait.and_then(|value| backoff::retry_after(value, jiff::Timestamp::now()));
    match status.as_u16() {
        200 | 206 => Ok(response),
        401 | 403 => Err(RegistryError::Login { host, what, message: message(&mut response) }),
        404 => Err(RegistryError::NotFound { host, what, message: message(&mut response) }),
        408 | 429 | 500..=599 => {
            Err(RegistryError::Busy { host, status: status.as_u16(), wait, message: message(&mut response) })
        }
        _ => Err(RegistryError::Answer { host, reason: format!("status {status} {}", message(&mut response)) }),
    }
}

/// What a registry says of an error (OCI distribution specification, "Error Codes").
fn message(response: &mut Response<Body>) -> String {
    #[derive(Deserialize)]
    struct Errors {
        errors: Vec<OneError>,
    }
    #[derive(Deserialize)]
    #[serde(default)]
    #[derive(Default)]
    struct OneError {
        code: String,
        message: String,
    }
    let mut bytes = Vec::new();
    // What came of it may be enough.
    let _ = response.body_mut().as_reader().take(ERROR_BYTES).read_to_end(&mut bytes);
    let errors = serde_json::from_slice::<Errors>(&bytes).map(|errors| errors.errors).unwrap_or_default();
    let first = errors.into_iter().next().unwrap_or_default();
    let text = if first.message.is_empty() { first.code } else { first.message };
    OneLine(&text.chars().take(ERROR_SHOWN).collect::<String>()).to_string()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
