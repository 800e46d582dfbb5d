//! The host's functions outside the sandbox: they answer from the world that a test set up.

use std::collections::BTreeSet;

use crate::host::{HostError, HostErrorKind};
use crate::testing::with_world;

pub fn http_get(url: &str) -> Result<Vec<u8>, HostError> {
    match with_world(|world| world.http.get(url).cloned()) {
        None => Err(not_found(format!("Nothing answers at {url}."))),
        Some(answer) if (200..300).contains(&answer.status) => Ok(answer.body.into_bytes()),
        Some(answer) => Err(HostError::new(
            HostErrorKind::Failed,
            format!("{url} answered with status {}.", answer.status),
        )),
    }
}

pub fn file_read(path: &str) -> Result<Vec<u8>, HostError> {
    if path.is_empty() || path == "." || path.ends_with('/') {
        return names_in(path);
    }
    with_world(|world| world.files.get(path).cloned()).ok_or_else(|| not_found(format!("There is no file {path}.")))
}

pub fn file_write(path: &str, data: &[u8]) -> Result<(), HostError> {
    with_world(|world| world.files.insert(path.to_owned(), data.to_owned()));
    Ok(())
}

pub fn capability_call(id: &str, input: &[u8]) -> Result<Vec<u8>, HostError> {
    with_world(|world| world.call(id, input))
}

pub fn current_time_millis() -> i64 {
    with_world(|world| world.now)
}

/// The JSON list of what is in a folder, as the host answers a read of `.` or of a path that ends in `/`.
fn names_in(folder: &str) -> Result<Vec<u8>, HostError> {
    let prefix = if folder == "." { "" } else { folder };
    let names: BTreeSet<String> = with_world(|world| {
        let inside = world.files.keys().filter_map(|path| path.strip_prefix(prefix));
        inside.map(first_segment).collect()
    });
    if names.is_empty() && !prefix.is_empty() {
        return Err(not_found(format!("There is no folder {folder}.")));
    }
    serde_json::to_vec(&names).map_err(|error| HostError::new(HostErrorKind::Failed, error.to_string()))
}

fn first_segment(path: &str) -> String {
    match path.split_once('/') {
        Some((folder, _)) => format!("{folder}/"),
        None => path.to_owned(),
    }
}

fn not_found(message: String) -> HostError {
    HostError::new(HostErrorKind::NotFound, message)
}
