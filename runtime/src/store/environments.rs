use super::environment::{Desired, Environment, ImageRecord, NewEnvironment, Status};
use super::{Store, StoreError, now};
use crate::identity::{EnvId, KeyHash, KeyNonce, OrgId};
use crate::network::Subnet;
use crate::service::log;
use landfall_manifests::Tenant;
use rusqlite::{OptionalExtension as _, Row, params};
use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::PoisonError;

const COLUMNS: &str = "id, orgId, name, status, desired, port, subnet, apiKeyNonce, apiKeyHash, \
                       imageName, imageConfig, imageDiffIds, imageTenant, createdAt";

fn read(row: &Row<'_>) -> Result<Environment, StoreError> {
    let id: i64 = row.get("id")?;
    let text = |column: &'static str| -> Result<String, StoreError> { Ok(row.get::<_, String>(column)?) };
    // Checked as they are read: another release, or a person, may have written them.
    let corrupt = |column| move |value: String| StoreError::Corrupt { id, column, value };
    let (status, desired, subnet, hash) = (text("status")?, text("desired")?, text("subnet")?, text("apiKeyHash")?);
    let tenant = text("imageTenant")?;
    let decided = NewEnvironment {
        org: OrgId(row.get("orgId")?),
        name: text("name")?,
        port: row.get("port")?,
        subnet: subnet.parse().map_err(|_| corrupt("subnet")(subnet.clone()))?,
        nonce: KeyNonce(row.get("apiKeyNonce")?),
        key_hash: KeyHash::from_hex(&hash).ok_or_else(|| corrupt("apiKeyHash")(hash.clone()))?,
        image: ImageRecord {
            name: text("imageName")?,
            config: text("imageConfig")?,
            diff_ids: text("imageDiffIds")?.split_whitespace().map(str::to_owned).collect(),
            tenant: serde_json::from_str(&tenant).map_err(|_| corrupt("imageTenant")(tenant))?,
        },
    };
    // What is not known must not be acted upon, and must not keep the others from being acted upon either.
    let (status, desired) = match Desired::parse(&desired) {
        Some(desired) => (Status::parse(&status), desired),
        None => (Status::Unknown, Desired::Running),
    };
    Ok(Environment { id: EnvId(id), status, desired, created_at: text("createdAt")?, decided })
}

fn json(tenant: &Tenant) -> String {
    #[expect(clippy::expect_used, reason = "no map with keys that are not text, and no writer that can fail")]
    serde_json::to_string(tenant).expect("a tenant object is JSON")
}

impl Store {
    /// Inserts an environment that is about to be spawned, and assigns its number and its container's name.
    pub async fn insert_environment(&self, new: NewEnvironment) -> Result<Environment, StoreError> {
        self.insert(None, new).await
    }

    /// Inserts the canary, of which there is at most one. It uses up no number.
    pub async fn insert_canary(&self, new: NewEnvironment) -> Result<Environment, StoreError> {
        self.insert(Some(EnvId::CANARY), new).await
    }

    /// Assigns the next number where `id` is `None`.
    async fn insert(&self, id: Option<EnvId>, new: NewEnvironment) -> Result<Environment, StoreError> {
        self.run(move |connection| {
            let transaction = connection.transaction()?;
            let image = &new.image;
            transaction.execute(
                "INSERT INTO environments (id, orgId, name, port, subnet, apiKeyNonce, apiKeyHash, imageName, imageConfig,
                                           imageDiffIds, imageTenant, createdAt, updatedAt)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?12)",
                params![
                    id.map(|id| id.0),
                    new.org.0,
                    new.name,
                    new.port,
                    new.subnet.to_string(),
                    new.nonce.0,
                    new.key_hash.to_hex(),
                    image.name,
                    image.config,
                    image.diff_ids.join(" "),
                    json(&image.tenant),
                    now()
                ],
            )?;
            // The container's name contains the number, which only the insertion assigns: hence two statements in one
            // transaction.
            let id = EnvId(transaction.last_insert_rowid());
            let sql = format!("UPDATE environments SET containerName = ?2 WHERE id = ?1 RETURNING {COLUMNS}");
            let row = transaction.query_row(&sql, params![id.0, id.container()], |row| Ok(read(row)))??;
            transaction.commit()?;
            Ok(row)
        })
        .await
    }

    /// An environment, where it exists.
    pub async fn environment(&self, id: EnvId) -> Result<Option<Environment>, StoreError> {
        self.one("id = ?1", id.0).await
    }

    /// The environment whose subnet `address` lies in.
    pub async fn environment_at(&self, address: Ipv4Addr) -> Result<Option<Environment>, StoreError> {
        self.one("subnet = ?1", Subnet::around(address).to_string()).await
    }

    async fn one(
        &self,
        condition: &'static str,
        value: impl rusqlite::ToSql + Send + 'static,
    ) -> Result<Option<Environment>, StoreError> {
        self.run(move |connection| {
            let mut query =
                connection.prepare_cached(&format!("SELECT {COLUMNS} FROM environments WHERE {condition}"))?;
            // Two results in one another: whether SQLite found the row, and whether what it found is an environment.
            query.query_row([value], |row| Ok(read(row))).optional()?.transpose()
        })
        .await
    }

    /// All environments, or those of one organization, by number. A row that cannot be read is left out, and logged: it must not keep the
    /// others from being served. Whoever acts on one reads it by its number, and finds the error.
    pub async fn environments(&self, org: Option<OrgId>) -> Result<Vec<Environment>, StoreError> {
        self.run(move |connection| {
            let sql = format!("SELECT {COLUMNS} FROM environments WHERE ?1 IS NULL OR orgId = ?1 ORDER BY id");
            let mut query = connection.prepare_cached(&sql)?;
            let rows = query.query_map([org.map(|org| org.0)], |row| Ok(read(row)))?;
            let mut environments = Vec::new();
            for row in rows {
                match row? {
                    Err(error @ StoreError::Corrupt { .. }) => {
                        log::error!("tenant_unreadable", error = log::chain(&error));
                    }
                    row => environments.push(row?),
                }
            }
            Ok(environments)
        })
        .await
    }

    /// The ports of all environments, those that cannot be read included.
    pub async fn taken_ports(&self) -> Result<BTreeSet<u16>, StoreError> {
        self.run(|connection| {
            let mut query = connection.prepare_cached("SELECT port FROM environments")?;
            Ok(query.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Whether there is any tenant's environment. Blocks; to be called before the first thread is started.
    pub fn has_environments(&self) -> Result<bool, StoreError> {
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let sql = "SELECT EXISTS (SELECT 1 FROM environments WHERE id <> ?1)";
        Ok(connection.query_row(sql, [EnvId::CANARY.0], |row| row.get(0))?)
    }

    /// Whether no tenant has ever been recorded, or reserved a number.
    pub async fn never_had_tenants(&self) -> Result<bool, StoreError> {
        // AUTOINCREMENT keeps the highest number that was ever given (sqlite.org, "SQLite Autoincrement"); the canary's is 0.
        let sql = "SELECT NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'environments' AND seq > 0)";
        self.run(|connection| Ok(connection.query_row(sql, [], |row| row.get(0))?)).await
    }

    /// Sets the state of an environment.
    pub async fn set_status(&self, id: EnvId, status: Status) -> Result<(), StoreError> {
        // No row with this number is no error: the tenant was removed in the meantime.
        let sql = "UPDATE environments SET status = ?2, updatedAt = ?3 WHERE id = ?1";
        self.run(move |c| Ok(c.execute(sql, params![id.0, status.word(), now()]).map(drop)?)).await
    }

    /// Gives an environment another subnet. Fails where another environment has it.
    pub async fn set_subnet(&self, id: EnvId, subnet: Subnet) -> Result<(), StoreError> {
        let sql = "UPDATE environments SET subnet = ?2, updatedAt = ?3 WHERE id = ?1";
        self.run(move |c| Ok(c.execute(sql, params![id.0, subnet.to_string(), now()]).map(drop)?)).await
    }

    /// Marks an environment as being removed.
    pub async fn set_destroying(&self, id: EnvId) -> Result<(), StoreError> {
        let sql = "UPDATE environments SET status = 'destroying', desired = 'removed', updatedAt = ?2 WHERE id = ?1";
        self.run(move |c| Ok(c.execute(sql, params![id.0, now()]).map(drop)?)).await
    }

    /// Deletes the row of an environment of which nothing is left.
    pub async fn remove_environment(&self, id: EnvId) -> Result<(), StoreError> {
        self.run(move |c| Ok(c.execute("DELETE FROM environments WHERE id = ?1", [id.0]).map(drop)?)).await
    }

    /// Skips all numbers up to `id`, which the engine has on an object.
    pub async fn skip_ids_through(&self, id: EnvId) -> Result<(), StoreError> {
        self.run(move |connection| {
            let transaction = connection.transaction()?;
            // AUTOINCREMENT takes its last number from this ordinary table (sqlite.org, "SQLite Autoincrement").
            let sequence = "SELECT seq FROM sqlite_sequence WHERE name = 'environments'";
            match transaction.query_row(sequence, [], |row| row.get::<_, i64>(0)).optional()? {
                // SQLite adds the record with the first row of a table.
                None => transaction
                    .execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('environments', ?1)", [id.0])?,
                Some(seen) if seen < id.0 => {
                    transaction.execute("UPDATE sqlite_sequence SET seq = ?1 WHERE name = 'environments'", [id.0])?
                }
                Some(_) => 0,
            };
            Ok(transaction.commit()?)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::identity::Name;
    use crate::store::Migrations;

    fn store(folder: &tempfile::TempDir) -> Store {
        Store::open(&folder.path().join("landfall.db"), &Migrations::OWN).unwrap().0
    }

    fn new(port: u16, subnet: &str) -> NewEnvironment {
        NewEnvironment {
            org: OrgId::DEFAULT,
            name: "acme".into(),
            port,
            subnet: subnet.parse().unwrap(),
            nonce: KeyNonce::random().unwrap(),
            key_hash: KeyHash::of(&port.to_string()),
            image: ImageRecord {
                name: "hello".into(),
                config: "sha256:00".into(),
                diff_ids: vec!["sha256:01".into(), "sha256:02".into()],
                tenant: Tenant::new("rust", 8080, "/health".parse().unwrap()),
            },
        }
    }

    #[tokio::test]
    async fn an_environment_reads_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        assert!(!store.has_environments().unwrap());
        let row = store.insert_environment(new(3001, "10.213.0.0/29")).await.unwrap();
        assert!(store.has_environments().unwrap());
        assert_eq!((row.id, row.status, row.desired), (EnvId(1), Status::Provisioning, Desired::Running));
        store.set_status(row.id, Status::Running).await.unwrap();
        let row = store.environment_at(Ipv4Addr::new(10, 213, 0, 2)).await.unwrap().unwrap();
        assert_eq!((row.id, row.status), (EnvId(1), Status::Running));
        assert_eq!(row.decided.image, new(3001, "10.213.0.0/29").image);
        assert!(store.environment_at(Ipv4Addr::new(10, 213, 0, 9)).await.unwrap().is_none());
        store.set_destroying(row.id).await.unwrap();
        let row = store.environment(row.id).await.unwrap().unwrap();
        assert_eq!((row.status, row.desired), (Status::Destroying, Desired::Removed));
    }

    #[tokio::test]
    async fn a_row_that_this_release_does_not_know_hides_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        for (port, subnet) in [
            (3001, "10.213.0.0/29"),
            (3002, "10.213.0.8/29"),
            (3003, "10.213.0.16/29"),
            (3004, "10.213.0.24/29"),
            (3005, "10.213.0.32/29"),
        ] {
            let row = store.insert_environment(new(port, subnet)).await.unwrap();
            store.set_status(row.id, Status::Running).await.unwrap();
        }
        let sql = "UPDATE environments SET status = 'paused' WHERE id = 1;
                   UPDATE environments SET desired = 'asleep' WHERE id = 2;
                   UPDATE environments SET subnet = 'somewhere' WHERE id = 3;
                   UPDATE environments SET imageTenant = '{}' WHERE id = 5";
        store.run(move |c| Ok(c.execute_batch(sql)?)).await.unwrap();
        let rows: Vec<_> =
            store.environments(None).await.unwrap().into_iter().map(|row| (row.id, row.status)).collect();
        assert_eq!(rows, [(EnvId(1), Status::Unknown), (EnvId(2), Status::Unknown), (EnvId(4), Status::Running)]);
        assert!(matches!(store.environment(EnvId(3)).await, Err(StoreError::Corrupt { column: "subnet", .. })));
        assert!(matches!(store.environment(EnvId(5)).await, Err(StoreError::Corrupt { column: "imageTenant", .. })));
        assert_eq!(store.taken_ports().await.unwrap(), [3001, 3002, 3003, 3004, 3005].into());
        // It can still be removed on request.
        store.set_destroying(EnvId(1)).await.unwrap();
        assert_eq!(store.environment(EnvId(1)).await.unwrap().unwrap().status, Status::Destroying);
    }

    #[tokio::test]
    async fn numbers_are_never_assigned_twice() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        store.skip_ids_through(EnvId(4)).await.unwrap();
        let first = store.insert_environment(new(3001, "10.213.0.0/29")).await.unwrap().id;
        store.remove_environment(first).await.unwrap();
        store.skip_ids_through(EnvId(2)).await.unwrap();
        let second = store.insert_environment(new(3001, "10.213.0.0/29")).await.unwrap().id;
        assert_eq!((first, second), (EnvId(5), EnvId(6)));
    }

    #[tokio::test]
    async fn the_canary_uses_up_no_number_and_is_not_counted() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        let canary = store.insert_canary(new(3999, "10.213.255.248/29")).await.unwrap().id;
        assert_eq!(canary, EnvId::CANARY);
        assert!(!store.has_environments().unwrap() && store.never_had_tenants().await.unwrap());
        assert!(store.insert_canary(new(3998, "10.213.255.240/29")).await.is_err(), "there is one at most");
        assert_eq!(store.insert_environment(new(3001, "10.213.0.0/29")).await.unwrap().id, EnvId(1));
        store.remove_environment(canary).await.unwrap();
        assert!(!store.never_had_tenants().await.unwrap());
        assert_eq!(store.insert_environment(new(3002, "10.213.0.8/29")).await.unwrap().id, EnvId(2));
    }

    #[tokio::test]
    async fn ports_and_subnets_belong_to_one_environment() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        store.insert_environment(new(3001, "10.213.0.0/29")).await.unwrap();
        assert!(store.insert_environment(new(3001, "10.213.0.8/29")).await.is_err());
        assert!(store.insert_environment(new(3002, "10.213.0.0/29")).await.is_err());
    }

    #[tokio::test]
    async fn an_organization_with_environments_stays() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        let org = store.create_organization(Name::parse("acme").unwrap(), "free".into()).await.unwrap();
        let again = store.create_organization(Name::parse("acme").unwrap(), "free".into()).await;
        assert!(matches!(again, Err(StoreError::NameTaken(name)) if name == "acme"));
        let mut environment = new(3001, "10.213.0.0/29");
        environment.org = org.id;
        let row = store.insert_environment(environment).await.unwrap();
        assert!(!store.remove_empty_organization(org.id).await.unwrap());
        assert_eq!(store.environments(Some(org.id)).await.unwrap().len(), 1);
        assert!(store.environments(Some(OrgId(9))).await.unwrap().is_empty());
        store.remove_environment(row.id).await.unwrap();
        assert!(store.remove_empty_organization(org.id).await.unwrap());
    }
}
