//! Organizations.

use crate::host::TestHost;

const ORGANIZATIONS: &str = "/api/v1/organizations";

#[tokio::test]
async fn an_organization_is_created_listed_and_removed() {
    let host = TestHost::new().await;
    let created = host.ask("POST", ORGANIZATIONS, r#"{"name":"acme","plan":"pro"}"#).await;
    assert_eq!((created.status.as_u16(), created.body["success"].as_bool()), (201, Some(true)));
    assert_eq!((created.number("/organization/id"), created.text("/organization/plan")), (2, "pro"));
    let shown = host.ask("GET", "/api/v1/organizations/2", "").await;
    assert_eq!(shown.body, created.body["organization"]);
    let listed = host.ask("GET", ORGANIZATIONS, "").await;
    let names: Vec<_> =
        listed.body["organizations"].as_array().unwrap().iter().map(|org| org["name"].as_str()).collect();
    assert_eq!(names, [Some("default"), Some("acme")]);
    let removed = host.ask("DELETE", "/api/v1/organizations/2", "").await;
    assert_eq!(removed.body["success"], true);
    assert_eq!(host.ask("GET", "/api/v1/organizations/2", "").await.status, 404);
}

#[tokio::test]
async fn invalid_names_and_removals_are_refused() {
    let host = TestHost::new().await;
    assert_eq!(host.ask("POST", ORGANIZATIONS, r#"{"name":"acme"}"#).await.status, 201);
    for (method, path, body, status, code) in [
        ("POST", ORGANIZATIONS, r#"{"name":"acme"}"#, 409, "name_taken"),
        ("POST", ORGANIZATIONS, r#"{"name":"a\nb"}"#, 400, "invalid_name"),
        ("POST", ORGANIZATIONS, r#"{"name":"b","plan":""}"#, 400, "invalid_name"),
        ("DELETE", "/api/v1/organizations/1", "", 409, "default_organization"),
        ("DELETE", "/api/v1/organizations/9", "", 404, "not_found"),
    ] {
        let answer = host.ask(method, path, body).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (status, code), "{method} {path} {body}");
    }
}

#[tokio::test]
async fn an_organization_with_tenants_cannot_be_removed_and_filters_the_list() {
    let host = TestHost::new().await;
    host.ask("POST", ORGANIZATIONS, r#"{"name":"acme"}"#).await;
    host.spawn("other").await;
    let body = r#"{"name":"acme's","language":"static","orgId":2}"#;
    let refused = host.ask("POST", "/api/v1/tenant/spawn", body).await;
    assert_eq!(refused.code(), "invalid_name");
    let spawned = host.ask("POST", "/api/v1/tenant/spawn", &body.replace('\'', "")).await;
    assert_eq!(spawned.number("/tenant/orgId"), 2);
    let listed = host.ask("GET", "/api/v1/tenant?org_id=2", "").await;
    assert_eq!(listed.body["tenants"].as_array().unwrap().len(), 1);
    assert_eq!(listed.text("/tenants/0/name"), "acmes");
    let removed = host.ask("DELETE", "/api/v1/organizations/2", "").await;
    assert_eq!((removed.status.as_u16(), removed.code()), (409, "organization_not_empty"));
}
