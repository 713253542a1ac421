//! A pixel collector as one writes it in Rust: axum, rdkafka's FutureProducer, 200 only when all
//! replicas have the event. For comparison only: it checks little and has no limits.
//!   px-peer-axum BROKERS TOPIC      prints its port
use axum::{extract::Query, extract::State, http::header, http::StatusCode, response::IntoResponse,
           routing::get, Router};
use rdkafka::{config::ClientConfig, producer::FutureProducer, producer::FutureRecord};
use serde::{Deserialize, Serialize};
use std::time::{SystemTime, UNIX_EPOCH};

const GIF: &[u8; 43] = b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff!\xf9\x04\x01\0\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Pixel {
    player_id: String,
    banner_tag: String,
    s: Option<String>,
    b: Option<String>,
}

#[derive(Serialize)]
struct Event<'a> {
    event_type: &'a str,
    player_id: &'a str,
    banner_tag: &'a str,
    received_at: u128,
    s: Option<&'a str>,
    b: Option<&'a str>,
}

#[derive(Clone)]
struct Log {
    producer: FutureProducer,
    topic: &'static str,
}

fn id_ok(id: &str) -> bool {
    (1..=128).contains(&id.len()) && !id.chars().any(char::is_control)
}

async fn visit(State(log): State<Log>, Query(p): Query<Pixel>) -> impl IntoResponse {
    if !id_ok(&p.player_id) || !id_ok(&p.banner_tag) {
        return StatusCode::BAD_REQUEST.into_response();
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970");
    let event = Event { event_type: "visit", player_id: &p.player_id, banner_tag: &p.banner_tag,
                        received_at: now.as_micros(), s: p.s.as_deref(), b: p.b.as_deref() };
    let value = serde_json::to_vec(&event).expect("plain fields");
    let record = FutureRecord::to(log.topic).key(&p.player_id).payload(&value);
    let Ok(report) = log.producer.send_result(record) else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    match report.await {
        Ok(Ok(_)) => ([(header::CONTENT_TYPE, "image/gif"), (header::CACHE_CONTROL, "no-store")],
                      &GIF[..]).into_response(),
        _ => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

#[tokio::main]
async fn main() {
    let mut args = std::env::args().skip(1);
    let brokers = args.next().expect("BROKERS");
    let topic: &'static str = Box::leak(args.next().expect("TOPIC").into_boxed_str());
    let producer: FutureProducer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("linger.ms", "5")
        .set("compression.type", "lz4")
        .set("message.timeout.ms", "10000")
        .set("socket.nagle.disable", "true")
        .create()
        .expect("a producer");
    let app = Router::new().route("/api/pixel/visit", get(visit)).with_state(Log { producer, topic });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    println!("port {}", listener.local_addr().expect("an address").port());
    axum::serve(listener, app).await.expect("to serve");
}
