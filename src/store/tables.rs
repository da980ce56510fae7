//! The tables and columns of a copy, for both engines.

/// A table as it is copied.
#[derive(Debug)]
pub struct Table {
    pub(super) name: &'static str,
    pub(super) columns: &'static [(&'static str, Kind)],
    /// How many of the first columns form the primary key.
    pub(super) keys: usize,
    /// Whether only the row with the greatest key is copied.
    pub(super) newest_only: bool,
}

/// The type of a column.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Bytes,
    Number,
    Text,
}

/// Every copied column with its table. A test compares them with the schema.
pub fn copied_columns() -> impl Iterator<Item = (&'static str, &'static str)> {
    let columns = |table: &'static Table| table.columns.iter().map(|(name, _)| (table.name, *name));
    TABLES.iter().flat_map(columns)
}

/// Every table of a copy. Referenced tables come first.
pub(super) const TABLES: &[Table] = &[
    Table {
        name: "endpoints",
        columns: &[
            ("id", Kind::Text),
            ("organisation", Kind::Text),
            ("workspace", Kind::Text),
            ("definition", Kind::Text),
            ("secret", Kind::Text),
            ("created_ms", Kind::Number),
            ("updated_ms", Kind::Number),
            ("flow", Kind::Text),
            ("generation", Kind::Number),
        ],
        keys: 1,
        newest_only: false,
    },
    Table {
        name: "aliases",
        columns: &[("path", Kind::Text), ("endpoint", Kind::Text)],
        keys: 1,
        newest_only: false,
    },
    Table {
        name: "flows",
        columns: &[
            ("name", Kind::Text),
            ("organisation", Kind::Text),
            ("workspace", Kind::Text),
            ("draft", Kind::Text),
            ("revision", Kind::Number),
            ("created_ms", Kind::Number),
            ("updated_ms", Kind::Number),
        ],
        keys: 1,
        newest_only: false,
    },
    Table {
        name: "flow_versions",
        columns: &[
            ("flow", Kind::Text),
            ("number", Kind::Number),
            ("document", Kind::Text),
            ("note", Kind::Text),
            ("actor", Kind::Text),
            ("origin", Kind::Text),
            ("created_ms", Kind::Number),
        ],
        keys: 2,
        newest_only: false,
    },
    Table {
        name: "flow_targets",
        columns: &[
            ("scope", Kind::Text),
            ("flow", Kind::Text),
            ("version", Kind::Number),
        ],
        keys: 1,
        newest_only: false,
    },
    Table {
        name: "flow_moves",
        columns: &[
            ("flow", Kind::Text),
            ("number", Kind::Number),
            ("scope", Kind::Text),
            ("from_version", Kind::Number),
            ("to_version", Kind::Number),
            ("action", Kind::Text),
            ("actor", Kind::Text),
            ("origin", Kind::Text),
            ("at_ms", Kind::Number),
        ],
        keys: 2,
        newest_only: false,
    },
    Table {
        name: "secret_versions",
        columns: &[
            ("scope", Kind::Text),
            ("slot", Kind::Text),
            ("version", Kind::Number),
            ("created_ms", Kind::Number),
            ("ends_ms", Kind::Number),
            ("service", Kind::Text),
            ("key_id", Kind::Text),
            ("ciphertext", Kind::Bytes),
            ("kind", Kind::Text),
            ("challenges", Kind::Text),
        ],
        keys: 3,
        newest_only: false,
    },
    Table {
        name: "audit",
        columns: &[
            ("number", Kind::Number),
            ("at_ms", Kind::Number),
            ("actor", Kind::Text),
            ("origin", Kind::Text),
            ("action", Kind::Text),
            ("subject", Kind::Text),
            ("detail", Kind::Text),
            ("digest", Kind::Bytes),
        ],
        keys: 1,
        newest_only: false,
    },
    Table {
        name: "audit_end",
        columns: &[
            ("one", Kind::Number),
            ("number", Kind::Number),
            ("digest", Kind::Bytes),
        ],
        keys: 1,
        newest_only: false,
    },
    Table {
        name: "secret_uses",
        columns: &[
            ("scope", Kind::Text),
            ("slot", Kind::Text),
            ("version", Kind::Number),
            ("deliveries", Kind::Number),
            ("last_used_ms", Kind::Number),
        ],
        keys: 3,
        newest_only: false,
    },
    Table {
        name: "secret_hourly",
        columns: &[
            ("scope", Kind::Text),
            ("slot", Kind::Text),
            ("version", Kind::Number),
            ("hour_ms", Kind::Number),
            ("deliveries", Kind::Number),
        ],
        keys: 4,
        newest_only: false,
    },
    Table {
        name: "delivery_hourly",
        columns: &[
            ("endpoint", Kind::Text),
            ("generation", Kind::Number),
            ("hour_ms", Kind::Number),
            ("admitted", Kind::Number),
            ("refused", Kind::Number),
            ("failed", Kind::Number),
            ("ignored", Kind::Number),
        ],
        keys: 3,
        newest_only: false,
    },
    Table {
        name: "delivery_latest",
        columns: &[
            ("endpoint", Kind::Text),
            ("generation", Kind::Number),
            ("at_ms", Kind::Number),
            ("reason", Kind::Text),
            ("last_admitted_ms", Kind::Number),
        ],
        keys: 2,
        newest_only: false,
    },
    Table {
        name: "tokens",
        columns: &[
            ("id", Kind::Text),
            ("organisation", Kind::Text),
            ("workspace", Kind::Text),
            ("label", Kind::Text),
            ("hash", Kind::Bytes),
            ("created_ms", Kind::Number),
            ("expires_ms", Kind::Number),
            ("revoked_ms", Kind::Number),
        ],
        keys: 1,
        newest_only: false,
    },
    Table {
        name: "operator_tokens",
        columns: &[
            ("id", Kind::Text),
            ("label", Kind::Text),
            ("grants", Kind::Text),
            ("hash", Kind::Bytes),
            ("created_ms", Kind::Number),
            ("expires_ms", Kind::Number),
            ("revoked_ms", Kind::Number),
        ],
        keys: 1,
        newest_only: false,
    },
    Table {
        name: "token_uses",
        columns: &[("id", Kind::Text), ("last_used_ms", Kind::Number)],
        keys: 1,
        newest_only: false,
    },
    Table {
        name: "changes",
        columns: &[
            ("number", Kind::Number),
            ("mark", Kind::Number),
            ("kind", Kind::Text),
            ("name", Kind::Text),
        ],
        keys: 1,
        newest_only: true,
    },
];
