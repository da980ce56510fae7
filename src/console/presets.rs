//! Presets: how providers sign and retry.

use super::call::Call;
use super::problem::Problem;
use super::reply::{Page, Reply};
use crate::auth::Preset;
use crate::control::PresetView;

pub(super) async fn list(_call: Call) -> Result<Reply, Problem> {
    let items = Preset::all().iter().map(PresetView::of);
    Reply::ok(&Page {
        items: items.collect(),
        next: None,
    })
}

pub(super) async fn read(call: Call) -> Result<Reply, Problem> {
    let preset = Preset::named(call.path_value("preset")?).ok_or_else(Problem::not_found)?;
    Reply::ok(&PresetView::of(preset))
}
