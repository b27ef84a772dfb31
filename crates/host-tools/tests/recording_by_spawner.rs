//! Every promise of the recorder once more, with the children made by the spawner.

#[path = "recording.rs"]
mod recording;
