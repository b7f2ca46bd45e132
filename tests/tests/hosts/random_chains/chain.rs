//! A host on which releases and tenants come and go at random.

use super::model::Model;
use anyhow::{Context as _, Result, ensure};
use landfall_tests::fault::Fault;
use landfall_tests::next::{Next, SCHEMA};
use landfall_tests::{BundleFolder, Engine, Host, Installation, Publisher, Release, SeededRng, TenantData};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What makes for short steps.
const SETTINGS: [&str; 2] = ["update.healthy_for=1", "update.patience=600"];

/// The seconds that a good release has to become healthy, on however slow a machine, and one that is not going to.
const GOOD_RELEASE_SECONDS: u64 = 600;
const FAULTY_RELEASE_SECONDS: u64 = 4;

/// Ways to fail; the last two need a migration that is taken.
const FAULTS: [Fault; 5] =
    [Fault::ExitsAtOnce, Fault::AnswersAsAnother, Fault::FailsItsSelfcheck, Fault::FailsToMigrate, Fault::LosesAColumn];

/// The exit code of an update after which the host goes on with the release that it had.
const REVERTED: i32 = 7;

/// A change of the release.
#[derive(Debug, Clone, Copy)]
enum Change {
    Update,
    UpdateAgain,
    FailedUpdate,
    RollBack,
}

/// The number of a release in the chain: its serial, and N in its version 1.N.0.
type Number = u64;

pub(crate) struct Chain {
    rng: SeededRng,
    publisher: Publisher,
    folder: BundleFolder,
    host: Host,
    model: Model,
    current: Number,
    kept: Option<Number>,
    newest: Number,
    bundles: BTreeMap<Number, String>,
}

impl Chain {
    pub(crate) fn begin(engine: &Arc<Engine>, rng: SeededRng) -> Result<Self> {
        let publisher = Publisher::new("data")?;
        let folder = BundleFolder::new("data", &publisher)?;
        let first = publisher.pack(&Release::new(&version(1), 1, &[publisher.hello_of(&version(1))?]))?;
        let first = folder.put(&first)?;
        let host = Host::boot(engine, &[folder.mount()])?;
        let model = Model::of(Installation::install_from_folder(&host, &first, &SETTINGS)?)?;
        let bundles = BTreeMap::from([(1, first)]);
        Ok(Self { rng, publisher, folder, host, model, current: 1, kept: None, newest: 1, bundles })
    }

    fn installation(&self) -> Installation<'_> {
        Installation::on(&self.host)
    }

    /// A few things that tenants do, then a change of the release; says what was done.
    pub(crate) fn step(&mut self) -> Result<String> {
        let mut done = Vec::new();
        for _ in 0..=self.rng.below(3) {
            done.push(self.live().context("tenants")?);
        }
        done.push(self.change()?);
        Ok(done.join("; "))
    }

    /// Something that changes what there is to be kept.
    fn live(&mut self) -> Result<String> {
        let installation = Installation::on(&self.host);
        let tenant = self.rng.choose(self.model.tenants()).cloned();
        let done = match (self.rng.below(6), tenant) {
            (0, Some(tenant)) => {
                installation.destroy(&tenant)?;
                self.model.destroyed(&tenant);
                format!("destroy {}", tenant.env_id)
            }
            (1, _) => {
                let name = format!("org-{}", self.rng.below(1_000_000));
                let body = json!({"name": name}).to_string();
                installation.request("POST", "/api/v1/organizations", Some(&body))?.expect(201)?;
                self.model.organized(installation, &name)?;
                format!("organize {name}")
            }
            (2..=4, Some(tenant)) => {
                let (name, text) = (format!("file-{}", self.rng.below(5)), self.rng.below(1 << 30).to_string());
                let url = format!("http://127.0.0.1:{}/data/{name}", tenant.port);
                self.host.ok(&format!("curl -fsS --max-time 600 -X PUT -d {text} {url}"))?;
                self.model.written(&tenant, &name, &text);
                format!("write {} {name}", tenant.env_id)
            }
            _ => {
                let tenant =
                    installation.spawn(&json!({"name": format!("t{}", self.rng.below(1000)), "baseImage": "hello"}))?;
                self.model.spawned(installation, &tenant)?;
                format!("spawn {}", tenant.env_id)
            }
        };
        self.model.holds(installation).with_context(|| done.clone())?;
        Ok(done)
    }

    fn change(&mut self) -> Result<String> {
        let change = self.choose();
        let before = TenantData::of(self.installation())?;
        let done = self.act(change).with_context(|| format!("{change:?} from {}", id(self.current)))?;
        let installation = self.installation();
        installation.until_release(&id(self.current)).with_context(|| done.clone())?;
        before.are_untouched(installation).with_context(|| done.clone())?;
        self.model.holds(installation).with_context(|| done.clone())?;
        let (expected, found) = (schema(self.current), TenantData::of(installation)?.dump.schema);
        ensure!(found == u64::from(expected), "{done}: schema {found} rather than {expected}");
        Ok(done)
    }

    fn choose(&mut self) -> Change {
        let back = self.kept.is_some_and(|kept| kept < self.current);
        match self.rng.below(4) {
            0 => Change::FailedUpdate,
            1 | 2 if back => Change::RollBack,
            1 | 2 if self.current < self.newest => Change::UpdateAgain,
            _ => Change::Update,
        }
    }

    fn act(&mut self, change: Change) -> Result<String> {
        match change {
            Change::Update => self.update(self.newest + 1),
            Change::UpdateAgain => self.update(self.newest),
            Change::FailedUpdate => self.fail(),
            Change::RollBack => {
                self.installation().roll_back()?;
                let back = self.kept.replace(self.current).context("nothing is kept")?;
                self.current = back;
                Ok(format!("ROLL BACK to {}", id(back)))
            }
        }
    }

    fn update(&mut self, to: Number) -> Result<String> {
        let bundle = match self.bundles.get(&to) {
            Some(bundle) => bundle.clone(),
            None => self.pack(to)?,
        };
        self.installation().update(&bundle)?;
        self.kept = Some(std::mem::replace(&mut self.current, to));
        self.newest = self.newest.max(to);
        Ok(format!("UPDATE to {}", id(to)))
    }

    fn pack(&mut self, number: Number) -> Result<String> {
        let images = [self.publisher.hello_of(&version(number))?];
        let bundle = Next::new(&version(number), number, &images).pack(&self.publisher)?;
        let bundle = self.folder.put(&bundle)?;
        self.bundles.insert(number, bundle.clone());
        Ok(bundle)
    }

    fn fail(&mut self) -> Result<String> {
        let possible = if schema(self.current) == SCHEMA { &FAULTS[..3] } else { &FAULTS[..] };
        let fault = *self.rng.choose(possible).context("no fault")?;
        let number = self.newest + 1;
        let version = format!("{}-{}", version(number), fault.word());
        let next = Next::new(&version, number, &[self.publisher.hello_of(&version)?]).with(fault);
        let bundle = self.folder.put(&next.pack(&self.publisher)?)?;
        let installation = self.installation();
        installation.set_update("patience", FAULTY_RELEASE_SECONDS)?;
        installation.reports(&format!("update {bundle} --yes"), REVERTED)?;
        installation.set_update("patience", GOOD_RELEASE_SECONDS)?;
        Ok(format!("FAILED UPDATE to {}", next.id()))
    }
}

fn version(number: Number) -> String {
    format!("1.{number}.0")
}

fn id(number: Number) -> String {
    format!("{}-{number}", version(number))
}

/// The first release is of our own runtime, the others of the next one.
fn schema(number: Number) -> u32 {
    if number == 1 { SCHEMA - 1 } else { SCHEMA }
}
