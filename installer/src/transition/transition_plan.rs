//! What `plan`, `install` and `update` have in common: everything up to the decision, which changes nothing.

use super::{PlanError, base, host_facts, host_packages, used_networks};
use crate::database;
use crate::durable::{self, PathError};
use crate::engine::{ImageEngine, InstallationId};
use crate::host_context::HostContext;
use crate::layout::{FOLDERS, Layout, SHARE_LINK_FOLDERS};
use crate::packages::{AddedPackage, Choice};
use crate::plan::policy::{self, Records, Verdict};
use crate::plan::preflight::{self, Addresses, Pool, PoolSetting, Problem, Warning};
use crate::plan::{Observed, Plan, SETTINGS, UpdateFacts};
use crate::receipts::{Draft, Operation, OperationFacts};
use crate::record::Schema;
use crate::retained_release;
use crate::retention;
use crate::state::installed::{Installed, InstalledRelease};
use crate::state::journal::{Kind, Transition};
use crate::state::tries::Tries;
use crate::state::{State, StateError};
use crate::state::{draw_installation_id, read_floor, read_installation_id, read_product};
use crate::steps::{self, BundleSource, TransitionError, Work};
use crate::store::Store;
use crate::transition::effective_settings::{self, EffectiveSettings, SettingsArgs};
use crate::transition::verified_bundle::VerifiedBundle;
use landfall_console::{Console, message_with_causes};
use landfall_host::RelativePath;
use landfall_manifests::{Arch, Digest, Release};
use std::fmt::Display;

/// A transition that is decided and not begun.
pub(crate) struct TransitionPlan {
    pub(crate) plan: Plan,
    pub(crate) settings: EffectiveSettings,
    pub(crate) problems: Vec<Problem>,
    pub(crate) warnings: Vec<Warning>,
    /// The installation that is made, or changed.
    installation: InstallationId,
    /// The tenants' addresses.
    pool: Pool,
}

/// Whether the host's records allow the release, and what is installed.
pub(crate) fn judge(verified: &VerifiedBundle, layout: &Layout) -> Result<(Verdict, Option<Installed>), PlanError> {
    let installed = Installed::read(layout)?;
    let (product, floor) = (read_product(layout)?, read_floor(layout)?);
    let manifest = manifest_here(verified, layout, installed.as_ref());
    let records =
        Records { installed: installed.as_ref(), product: product.as_ref(), floor, arch: Arch::of_this_program() };
    let verdict = policy::judge(verified.bundle.release(), manifest, records)?;
    Ok((verdict, installed))
}

/// The digest of the manifest that the release has on this host: of another bundle of it, as a delta is one of the full bundle's release, if
/// that was brought in before; else of this bundle's.
fn manifest_here(verified: &VerifiedBundle, layout: &Layout, installed: Option<&Installed>) -> Digest {
    let (own, release) = (Digest::of(verified.bundle.manifest()), verified.bundle.release());
    let is_this = |there: &&InstalledRelease| {
        let same_id = there.id() == release.id() && there.manifest != own;
        same_id && retained_release::manifest(layout, there).is_ok_and(|other| other.get().is_same_release(release))
    };
    let there = installed.into_iter().flat_map(Installed::releases).find(is_this);
    there.map_or(own, |there| there.manifest)
}

/// The folders that a release needs: those for manual pages and completions only if it has some.
fn folders_of(release: &Release) -> impl Iterator<Item = &'static str> {
    let has_pages = release.files.iter().any(|file| file.path.as_str().starts_with("share/"));
    let for_pages = SHARE_LINK_FOLDERS.into_iter().filter(move |_| has_pages);
    FOLDERS.iter().map(|(folder, _)| *folder).chain(for_pages)
}

/// Plans the transition and checks whether the host is fit for it. Nothing is changed. Packages of an engine are looked at only where there is a
/// choice.
pub(crate) fn prepare(
    verified: &VerifiedBundle,
    host: &HostContext,
    args: &SettingsArgs,
    before: Option<&Installed>,
    packages: Option<Choice>,
) -> Result<TransitionPlan, PlanError> {
    base::check(verified.bundle.release(), host, before)?;
    let settings = effective_settings::choose(verified, host, args, before)?;
    let installation = installation(before, &host.layout)?;
    let engine = host_packages::engine(host, verified.bundle.release(), packages)?;
    let observed = Observed {
        stored: Store::new(&host.layout).sizes()?,
        missing_folders: host_facts::missing(&host.layout, folders_of(verified.bundle.release()))?,
        missing_settings: host_facts::missing(&host.layout, SETTINGS.into_iter())?,
        engine: engine.observed,
        packages: engine.packages,
        // Where no service is started, nothing listens; and a service that runs has its ports already.
        ports: host.units.as_ref().filter(|_| before.is_none()).map(|_| settings.ports()),
    };
    let plan = match before {
        None => Plan::new(&verified.bundle, &installation, &observed),
        Some(before) => plan_update(verified, host, &settings, before, &observed)?,
    };
    let plan = Plan { trust: verified.trust_change(), ..plan };
    let networks = observed.engine.as_ref().map_or(&[][..], |engine| &engine.networks);
    let pool = Pool { range: settings.pool(), is_set_by: pool_setting(before, &host.layout)? };
    let addresses = Addresses { pool, used: used_networks::look(&host.layout, &installation, networks)? };
    let id = verified.bundle.release().id();
    let facts = host_facts::gather(host, &plan, &id, engine.about, before, observed.ports, addresses)?;
    let (problems, mut warnings) = preflight::judge(&plan, &facts);
    if let Some(before) = before
        && let Err(error) = retained_release::verify(&host.layout, &before.current, host.console)
    {
        // Only a warning: a newer release is the way out of a damaged one.
        warnings.push(Warning::NoWayBack(message_with_causes(&error)));
    }
    if verified.has_more_signers {
        warnings.push(Warning::MoreSigners { threshold: verified.trust.trusted_keys().threshold() });
    }
    let refused = before
        .map(|before| retained_release::refused_releases(&host.layout, before, &verified.trust))
        .unwrap_or_default();
    warnings.extend(refused.into_iter().map(Warning::Refused));
    Ok(TransitionPlan { plan, settings, problems, warnings, installation, pool })
}

/// The id of the installation: of the one that is there, else of the one whose tenants' volumes an uninstallation left, else a new one.
fn installation(before: Option<&Installed>, layout: &Layout) -> Result<InstallationId, PlanError> {
    if let Some(before) = before {
        return Ok(before.installation.clone());
    }
    match read_installation_id(layout).map_err(PlanError::LeftId)? {
        Some(left) => Ok(left),
        None => draw_installation_id().map_err(PlanError::Random),
    }
}

/// How the operator gives the tenants another address pool.
fn pool_setting(before: Option<&Installed>, layout: &Layout) -> Result<PoolSetting, PathError> {
    Ok(match before {
        Some(_) => PoolSetting::Config,
        None if durable::exists(&layout.settings())? => PoolSetting::File,
        None => PoolSetting::CommandLine,
    })
}

impl TransitionPlan {
    /// Prints the warnings, and asks for confirmation where a person can be asked. They see the plan first.
    ///
    /// # Errors
    /// [`PlanError::Unfit`] if the host lacks something, [`PlanError::Declined`] if the person does not confirm.
    pub(crate) fn confirm(&self, yes: bool, console: Console) -> Result<(), PlanError> {
        self.warnings.iter().for_each(|warning| console.warn(warning));
        if !self.problems.is_empty() {
            return Err(PlanError::Unfit(self.problems.clone()));
        }
        confirm(&self.plan, yes, console)
    }

    /// Carries the plan out.
    pub(crate) fn carry_out(
        &self,
        verified: &VerifiedBundle,
        host: &HostContext,
        before: Option<Installed>,
        state: Option<State>,
    ) -> Result<(), TransitionError> {
        let check_engine =
            |engine: &dyn ImageEngine| host_packages::problems_of(engine, &host.layout, &self.installation, self.pool);
        let work = Work {
            check_engine: (!self.plan.packages.is_empty()).then_some(&check_engine),
            host,
            release: verified.bundle.release(),
            bundle_source: Some(BundleSource {
                media: &verified.media,
                bundle: &verified.bundle,
                pinned: verified.pinned.as_ref(),
            }),
            images: &self.plan.images,
            settings: &self.settings.text,
            ports: self.settings.ports(),
            update: self.settings.update(),
        };
        let tries = Tries::counting(&host.layout).map_err(StateError::from)?;
        steps::run(&work, self.transition(verified, host, before, tries), state)
    }

    fn transition(
        &self,
        verified: &VerifiedBundle,
        host: &HostContext,
        before: Option<Installed>,
        tries: Option<Tries>,
    ) -> Transition {
        let plan = &self.plan;
        let next = next_release(verified, &host.layout, before.as_ref(), plan.units.clone(), plan.tags());
        let mut after = match &before {
            Some(before) => retention::installed_after(before, next, self.settings.update().keep, tries.is_some()),
            None => Installed {
                schema: Schema,
                installation: self.installation.clone(),
                current: next,
                kept: Vec::new(),
                host: host.environment.clone(),
                created: Vec::new(),
            },
        };
        // An uninstallation removes these as well, if they are empty by then.
        after.created.extend(plan.folders.iter().cloned());
        let receipt = Draft::new(
            &OperationFacts {
                operation: before.as_ref().map_or(Operation::Install, |_| Operation::Update),
                product: &after.current.product,
                from: before.as_ref().map(|before| &before.current),
                to: Some(&after.current),
                signers: verified.bundle.verified().signers(),
                trust: &verified.trust,
            },
            &host.layout,
            host.console,
        );
        let kind = before.as_ref().map_or(Kind::Install, |_| Kind::Update);
        Transition {
            blobs: plan.new_blobs.clone(),
            files: plan.settings.clone(),
            tags: plan.new_tags(),
            packages: plan.packages.iter().map(AddedPackage::from).collect(),
            tries,
            ..Transition::new(kind, before, after, receipt)
        }
    }
}

/// The record of the next release. One that is on the host already keeps the trust root that accepted it.
fn next_release(
    verified: &VerifiedBundle,
    layout: &Layout,
    before: Option<&Installed>,
    units: Vec<RelativePath>,
    tags: Vec<String>,
) -> InstalledRelease {
    let manifest = manifest_here(verified, layout, before);
    let next = InstalledRelease::new(verified.bundle.release(), manifest, verified.trust.clone(), units, tags);
    let is_next = |kept: &&InstalledRelease| kept.id() == next.id() && kept.manifest == next.manifest;
    match before.into_iter().flat_map(Installed::releases).find(is_next) {
        // Its folder holds that root already, and the runtime verifies the release by it at each start.
        Some(kept) => InstalledRelease { trust: kept.trust.clone(), ..next },
        None => next,
    }
}

/// Asks for confirmation where a person can be asked. They see the plan first.
pub(crate) fn confirm(plan: &impl Display, yes: bool, console: Console) -> Result<(), PlanError> {
    if yes || !console.interactive() {
        return Ok(());
    }
    console.show(format_args!("this is going to happen:\n{plan}"));
    let answer = console.ask("Go ahead? [y/N]")?.unwrap_or_default().to_lowercase();
    if ["y", "yes"].contains(&answer.as_str()) { Ok(()) } else { Err(PlanError::Declined) }
}

fn plan_update(
    verified: &VerifiedBundle,
    host: &HostContext,
    settings: &EffectiveSettings,
    before: &Installed,
    observed: &Observed,
) -> Result<Plan, PlanError> {
    let (layout, bundle) = (&host.layout, &verified.bundle);
    // A release whose manifest is damaged can be replaced all the same; a warning says so.
    let Ok(old) = retained_release::manifest(layout, &before.current) else {
        return Ok(Plan::new(bundle, &before.installation, observed));
    };
    let next = next_release(verified, layout, Some(before), Vec::new(), Vec::new());
    let is_counted = Tries::counting(layout)?.is_some();
    let after = retention::installed_after(before, next, settings.update().keep, is_counted);
    let facts = UpdateFacts {
        staged: &Store::new(layout).staged_sizes()?,
        database: database::size(layout)?,
        settings: &settings.changes,
        patience: host.units.as_ref().map(|_| settings.update().patience),
        collects: retention::predict(host, before, &after, bundle.release())?.into(),
    };
    Ok(Plan::update(bundle, &before.installation, observed, old.get(), &facts))
}
