//! Which request of the socket is answered how.

use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};

use super::view::Shared;
use super::worker::Order;
use crate::api::{Method, Received, Reply};
use crate::metrics::prometheus;
use crate::operation::{Failure, Request};

/// Answers from what is shown, and hands operations to the thread that works.
pub(super) fn router(
    shared: Arc<Shared>,
    orders: Sender<Order>,
) -> Arc<dyn Fn(&Received) -> Reply + Send + Sync> {
    Arc::new(move |request| match (request.method, request.path.as_str()) {
        (Method::Get, "/v1/status") => Reply::json(200, &*shared.view()),
        (Method::Get, "/v1/metrics") => Reply::json(200, &shared.metrics()),
        (Method::Get, "/metrics") => {
            let metrics = shared.metrics();
            let view = shared.view();
            let healthy = view.health.as_ref().map(|health| health.problems.is_empty());
            Reply::prometheus(prometheus(&metrics, view.status.as_ref(), healthy))
        }
        (Method::Post, path @ ("/v1/operations" | "/v1/plans")) => {
            match serde_json::from_slice(&request.body) {
                Ok(wanted) => operation(&shared, &orders, wanted, path == "/v1/plans"),
                Err(error) => {
                    failed(&Failure::new("api.request", format!("the content is no operation: {error}")))
                }
            }
        }
        (_, "/v1/status" | "/v1/metrics" | "/metrics" | "/v1/operations" | "/v1/plans") => {
            let message = format!("{} is not asked in this way", request.path);
            Reply::json(405, &Failure::new("api.method", message))
        }
        _ => Reply::json(404, &Failure::new("api.path", format!("there is nothing at {}", request.path))),
    })
}

fn operation(shared: &Shared, orders: &Sender<Order>, request: Request, only_plan: bool) -> Reply {
    if let Some(progress) = &shared.view().progress {
        let message = format!("the agent is busy ({}); ask again when it is done", progress.doing);
        return failed(&Failure::new("host.busy", message));
    }
    let (reply, answer) = channel();
    let gone = || failed(&Failure::new("service.stopping", "the service is stopping"));
    if orders.send(Order { request, only_plan, reply }).is_err() {
        return gone();
    }
    match answer.recv() {
        Ok(Ok(answer)) => Reply::json(200, &answer),
        Ok(Err(failure)) => failed(&failure),
        Err(_) => gone(),
    }
}

fn failed(failure: &Failure) -> Reply {
    let subject = failure.name.split('.').next().unwrap_or_default();
    let status = match subject {
        "api" => 400,
        // The host does not allow it as it stands.
        "update" | "host" | "esp" | "slot" => 409,
        _ => 500,
    };
    Reply::json(status, failure)
}
