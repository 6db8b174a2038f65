//! The end of a server: what was begun is finished, up to a limit.

use std::time::Duration;

use nexus_gateway::limits::DRAIN_SECONDS_MAX;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client;
use crate::world::World;

async fn slow_call(world: &World) -> TcpStream {
    let mut stream = TcpStream::connect(world.address()).await.unwrap();
    stream.write_all(&client::request("POST", "/workflows/Slow/execute", &[], b"{}")).await.unwrap();
    world.begun.notified().await;
    stream
}

#[tokio::test]
async fn open_requests_are_answered_and_new_ones_are_not_accepted() {
    let mut world = World::new().await;
    let mut idle = TcpStream::connect(world.address()).await.unwrap();
    let mut stream = slow_call(&world).await;
    world.shutdown.begin();
    assert_eq!(idle.read(&mut [0; 1]).await.unwrap(), 0, "idle connections are closed");
    assert!(TcpStream::connect(world.address()).await.is_err());
    world.gate.notify_one();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    (&mut world.running).await.unwrap().unwrap();
}

#[tokio::test]
async fn the_drain_has_an_end() {
    let mut world = World::new().await;
    let mut stream = slow_call(&world).await;
    world.shutdown.begin();
    while world.clock.next_wake().is_none() {
        tokio::task::yield_now().await;
    }
    world.clock.advance(Duration::from_secs(DRAIN_SECONDS_MAX));
    (&mut world.running).await.unwrap().unwrap();
    let mut answer = String::new();
    let read = stream.read_to_string(&mut answer).await;
    assert!(answer.is_empty(), "{read:?} {answer}");
}
