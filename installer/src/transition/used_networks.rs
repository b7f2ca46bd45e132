//! The networks that the host and its engine use for something else than this installation's tenants.

use crate::durable::{At as _, PathError};
use crate::engine::labels::{self, BRIDGE_PREFIX};
use crate::engine::{EngineNetwork, InstallationId};
use crate::layout::Layout;
use crate::plan::preflight::{Holder, PRIVATE_RANGES, UsedNetwork};
use landfall_host::interfaces;
use landfall_host::routes::{self, Network};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Looks at the routes of this machine and at the networks of the engine. Where the host is below another root, this machine's routes say
/// nothing about it.
pub(crate) fn look(
    layout: &Layout,
    installation: &InstallationId,
    engine: &[EngineNetwork],
) -> Result<Vec<UsedNetwork>, PathError> {
    let (mut routes, mut names) = (BTreeSet::new(), BTreeMap::new());
    if layout.is_running_system() {
        for (base, prefix) in PRIVATE_RANGES {
            let Some(range) = Network::around(base, prefix) else { continue };
            routes.extend(routes::of_kernel(range).at("read", Path::new(routes::LISTING))?);
            // Without names, a network is told all the same.
            names.extend(interfaces::of_kernel(range).unwrap_or_default());
        }
    }
    Ok(used(&routes, &names, installation, engine))
}

/// Puts together what is known, without what belongs to this installation's tenants. Pure.
fn used(
    routes: &BTreeSet<Network>,
    names: &BTreeMap<Network, String>,
    installation: &InstallationId,
    engine: &[EngineNetwork],
) -> Vec<UsedNetwork> {
    let subnets = |network: &EngineNetwork| -> Vec<Network> {
        // What does not parse is IPv6, which overlaps with no pool.
        network.subnets.iter().filter_map(|subnet| subnet.parse().ok()).collect()
    };
    let (own, others): (Vec<_>, Vec<_>) =
        engine.iter().partition(|network| labels::is_owned(installation, &network.labels));
    // A bridge that a killed engine left is in no network of the engine any more.
    let bridges = names.iter().filter(|(_, name)| name.starts_with(BRIDGE_PREFIX)).map(|(network, _)| *network);
    let own: Vec<Network> = own.into_iter().flat_map(subnets).chain(bridges).collect();
    let of_engine = others.into_iter().flat_map(|network| {
        let holder = Holder::Engine(network.name.clone());
        subnets(network).into_iter().map(move |network| UsedNetwork { network, holder: holder.clone() })
    });
    let of_host = routes.iter().filter(|network| !own.iter().any(|own| network.lies_in(*own)));
    let of_host = of_host.map(|network| UsedNetwork {
        network: *network,
        holder: interface(*network, names).map_or(Holder::Host, Holder::Interface),
    });
    of_engine.chain(of_host).collect()
}

/// The interface of the narrowest route that the network lies in. A default route leads to no network of this host.
fn interface(network: Network, names: &BTreeMap<Network, String>) -> Option<String> {
    let around = names.iter().filter(|(route, _)| route.prefix() > 0 && network.lies_in(**route));
    around.max_by_key(|(route, _)| route.prefix()).map(|(_, name)| name.clone())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::engine::Labels;
    use crate::fixture::installation;

    fn network(text: &str) -> Network {
        text.parse().unwrap()
    }

    #[test]
    fn what_this_installations_tenants_use_does_not_count() {
        let routes = ["10.0.0.0/24", "10.0.0.7/32", "10.213.0.0/29", "10.213.0.1/32", "10.213.0.8/29", "172.17.0.0/16"];
        let routes = routes.map(network).into();
        let names = [
            ("0.0.0.0/0", "eth0"),
            ("10.0.0.0/24", "eth1"),
            ("10.213.0.0/29", "lft1"),
            ("10.213.0.8/29", "lft2"),
            ("172.17.0.0/16", "docker0"),
        ];
        let names = names.map(|(route, name)| (network(route), name.to_owned())).into();
        let ours = installation();
        let theirs = InstallationId::from_random([2; 16]);
        let of_engine = |name: &str, subnets: &[&str], of: Option<&InstallationId>| EngineNetwork {
            name: name.to_owned(),
            subnets: subnets.iter().map(|subnet| (*subnet).to_owned()).collect(),
            labels: of.map_or_else(Labels::new, |of| {
                let labels = [(labels::TENANT, "1".to_owned()), (labels::INSTALLATION, of.to_string())];
                labels.map(|(name, value)| (name.to_owned(), value)).into()
            }),
        };
        let engine = [
            of_engine("convergence-tenant-1", &["10.213.0.0/29"], Some(&ours)),
            of_engine("convergence-tenant-5", &["10.213.0.32/29"], Some(&theirs)),
            of_engine("bridge", &["172.17.0.0/16", "fd00::/64"], None),
        ];
        let found: Vec<String> = used(&routes, &names, &ours, &engine).iter().map(ToString::to_string).collect();
        assert_eq!(
            found,
            [
                "10.213.0.32/29 of the engine's network convergence-tenant-5",
                "172.17.0.0/16 of the engine's network bridge",
                "10.0.0.0/24 of the interface eth1",
                "10.0.0.7/32 of the interface eth1",
                "172.17.0.0/16 of the interface docker0",
            ]
        );
    }

    #[test]
    fn the_routes_of_this_machine_say_nothing_about_another_host() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(look(&Layout::new(folder.path()), &installation(), &[]).unwrap(), []);
    }
}
