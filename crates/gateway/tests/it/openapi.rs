//! The OpenAPI document and the page for people.

use nexus_kernel::Json;

use crate::world::World;

#[tokio::test]
async fn every_operation_is_in_the_document_once() {
    let world = World::new().await;
    let document = world.get("/openapi.json").await.json();
    assert_eq!(document["openapi"], "3.1.0");
    let paths = document["paths"].as_object().unwrap();
    for operation in world.catalogue.snapshot().iter() {
        let id = operation.id().replace('/', ".");
        let path = if operation.is_workflow() {
            format!("/v1/workflows/{id}/runs")
        } else {
            format!("/v1/operations/{id}")
        };
        assert_eq!(paths[&path]["post"]["operationId"], id.as_str(), "{path}");
    }
    let mut ids: Vec<&str> = paths
        .values()
        .flat_map(|methods| methods.as_object().unwrap().values())
        .map(|described| described["operationId"].as_str().unwrap())
        .collect();
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count);
}

#[tokio::test]
async fn every_reference_of_the_document_is_there() {
    let world = World::new().await;
    let document = world.get("/openapi.json").await.json();
    let mut references = Vec::new();
    collect(&document, &mut references);
    assert!(references.len() > 20);
    for reference in references {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

fn collect(value: &Json, references: &mut Vec<String>) {
    match value {
        Json::Array(items) => items.iter().for_each(|item| collect(item, references)),
        Json::Object(fields) => {
            if let Some(reference) = fields.get("$ref").and_then(Json::as_str) {
                references.push(reference.to_owned());
            }
            fields.values().for_each(|value| collect(value, references));
        }
        _ => {}
    }
}

#[tokio::test]
async fn the_page_brings_along_everything_it_needs() {
    let world = World::new().await;
    let page = world.get("/docs").await;
    assert_eq!(page.status, 200);
    assert!(page.header("content-security-policy").unwrap().starts_with("default-src 'none'"));
    for file in ["/docs/page.js", "/docs/page.css"] {
        assert!(page.text().contains(file));
        let file = world.get(file).await;
        assert_eq!(file.status, 200);
        assert!(
            !file.text().contains("://")
                || file.text().matches("://").count() == file.text().matches("${location.origin}").count()
        );
    }
    assert!(!page.text().contains("://"), "nothing comes from elsewhere");
}
