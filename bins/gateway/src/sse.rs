use std::io::Write;
use std::time::Duration;
use log_model::Seq;

pub(crate) fn block(out: &mut Vec<u8>, retry: Option<Duration>, event: &'static str, id: Option<Seq>, data: impl FnOnce(&mut Vec<u8>)) {
    if let Some(retry) = retry { let _ = write!(out, "retry: {}\n", retry.as_millis()); }
    let _ = write!(out, "event: {event}\ndata: ");
    data(out);
    if let Some(id) = id { let _ = write!(out, "\nid: {id}"); }
    out.extend_from_slice(b"\n\n");
}
