/// In which form commits are logged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TableFormat {
    /// Landfall's own: one JSON document a commit.
    #[default]
    Landfall,
    /// Delta Lake's. Files that a commit removes stay until somebody vacuums the table.
    Delta,
}
