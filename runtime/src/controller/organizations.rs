//! Organizations, which own tenants.

use super::{ActionError, Controller};
use crate::identity::{Name, OrgId};
use crate::store::Organization;

/// The plan of organizations that are created without one.
const DEFAULT_PLAN: &str = "free";

impl Controller {
    /// Creates an organization.
    pub async fn create_organization(&self, name: Name, plan: Option<Name>) -> Result<Organization, ActionError> {
        let plan = plan.map_or_else(|| DEFAULT_PLAN.to_owned(), String::from);
        Ok(self.deps.store.create_organization(name, plan).await?)
    }

    /// All organizations, by number.
    pub async fn organizations(&self) -> Result<Vec<Organization>, ActionError> {
        Ok(self.deps.store.organizations().await?)
    }

    /// One organization.
    pub async fn organization(&self, id: OrgId) -> Result<Organization, ActionError> {
        self.deps.store.organization(id).await?.ok_or(ActionError::NoSuchOrganization(id))
    }

    /// Removes an organization that has no tenants.
    pub async fn remove_organization(&self, id: OrgId) -> Result<(), ActionError> {
        self.organization(id).await?;
        if id == OrgId::DEFAULT {
            return Err(ActionError::DefaultOrganization(id));
        }
        // One statement looks for tenants and deletes, so that no spawn can insert its row in between.
        let removed = self.deps.store.remove_empty_organization(id).await?;
        if removed { Ok(()) } else { Err(ActionError::OrganizationNotEmpty(id)) }
    }
}
