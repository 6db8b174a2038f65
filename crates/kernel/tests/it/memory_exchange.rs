//! The way outside in memory keeps the contract of ways outside.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use nexus_kernel::memory::exchange::{MemoryExchange, Server};
use nexus_kernel::port::clock::SystemClock;
use nexus_kernel::testing::exchange_contract::Ground;

fn fresh() -> Ground {
    let exchange = MemoryExchange::new(Arc::new(SystemClock));
    let (world, count) = (exchange.clone(), AtomicUsize::new(0));
    let serve = move |server: Server| {
        let authority = format!("server-{}.test", count.fetch_add(1, Ordering::Relaxed));
        world.serve(&authority, server);
        format!("http://{authority}")
    };
    let nobody = "http://nobody.test/".to_owned();
    Ground { exchange: Box::new(exchange), serve: Box::new(serve), nobody }
}

nexus_kernel::exchange_contract!(fresh);
