//! Who is let in: binds, hosts, origins.

use std::net::SocketAddr;

use nexus_gateway::bind;
use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn a_taken_address_is_told_with_a_way_out() {
    let world = World::new().await;
    let error = bind(world.address(), false).await.unwrap_err();
    assert_eq!(error.code().id, "NX-4001");
    let next = world.address().port() + 1;
    assert_eq!(error.message(), format!("{} is in use", world.address()));
    assert_eq!(error.help_text(), Some(format!("try --port {next}, or --port 0 for a free one").as_str()));
}

#[tokio::test]
async fn listening_beyond_the_loopback_must_be_asked_for() {
    let everywhere = SocketAddr::from(([0, 0, 0, 0], 0));
    assert_eq!(bind(everywhere, false).await.unwrap_err().code().id, "NX-4006");
    assert!(bind(everywhere, true).await.is_ok());
}

#[tokio::test]
async fn foreign_hosts_and_pages_are_kept_out_of_every_channel() {
    let world = World::with(|options| options.allowed_origins(vec!["https://panel.test".into()])).await;
    for path in ["/health", "/v1/runs", "/mcp", "/nowhere"] {
        for header in ["host: evil.test", "origin: https://evil.test", "origin: null"] {
            let reply = world.send("POST", path, &[header], b"{}").await;
            assert_eq!(reply.status, 403, "{path} {header}");
            assert!(reply.header("x-request-id").is_some() && reply.json()["help"].is_string());
        }
    }
    let own = format!("host: 127.0.0.1:{}", world.address().port());
    for origin in [own.replace("host: ", "origin: http://"), "origin: https://panel.test".into()] {
        assert_eq!(world.send("GET", "/health", &[&own, &origin], b"").await.status, 200, "{origin}");
    }
    assert_eq!(
        world.send("GET", "/health", &["host: a", "host: b"], b"").await.json()["code"],
        json!("NX-2004")
    );
}
