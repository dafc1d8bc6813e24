//! The command `wasgi`.
use std::sync::Arc;
use arc_swap::ArcSwap;
#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let path = std::env::args().nth(1).unwrap();
    let reuse = std::env::args().nth(2).is_some_and(|a| a == "reuse");
    let host = wasgi::testing(&path, reuse)?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8099").await?;
    println!("listening");
    wasgi::server::serve(host, listener, async { tokio::signal::ctrl_c().await.ok(); }, std::time::Duration::from_secs(5)).await;
    let _ = Arc::new(ArcSwap::from_pointee(1));
    Ok(())
}
