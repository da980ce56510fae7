//! Pages of endpoints with the state of their secrets, and pages of the audit log.

use jiff::{SignedDuration, Timestamp};
use sqlx::QueryBuilder;

use super::{Database, Pool, audit, dialect};
use crate::audit::AuditLine;
use crate::secrets::StoreError;
use crate::store::{
    AuditFilter, CurrentVersion, EndpointPage, EndpointQuery, EndpointRow, OwnerScope, StateFilter,
    rows,
};

pub(super) async fn endpoint_page(
    pool: &Pool,
    query: &EndpointQuery,
) -> Result<EndpointPage, StoreError> {
    if query.scopes.is_empty() || query.limit == 0 {
        return Ok(EndpointPage::default());
    }
    let limit = query.limit.saturating_add(1);
    let is_filtered = is_filtered(query);
    let examined = if is_filtered {
        EndpointQuery::MAX_EXAMINED.max(limit)
    } else {
        limit
    };
    let mut sql = select(query.now);
    sql.push(" FROM (SELECT * FROM endpoints");
    push_range(&mut sql, query);
    sql.push(" ORDER BY id LIMIT ")
        .push_bind(i64::from(examined));
    sql.push(") AS e WHERE 1 = 1");
    push_filters(&mut sql, query);
    sql.push(" ORDER BY e.id LIMIT ")
        .push_bind(i64::from(limit));
    let found: Vec<Row> = sql.build_query_as().fetch_all(pool).await?;
    let mut rows: Vec<EndpointRow> = found.into_iter().map(row).collect::<Result<_, _>>()?;
    let page = usize::try_from(query.limit).unwrap_or(usize::MAX);
    let next = if rows.len() > page {
        rows.truncate(page);
        rows.last().map(|last| last.definition.id.to_string())
    } else if is_filtered {
        last_examined(pool, query, examined).await?
    } else {
        None
    };
    Ok(EndpointPage { rows, next })
}

/// The last endpoint that a page examined, if there are more after it.
async fn last_examined(
    pool: &Pool,
    query: &EndpointQuery,
    examined: u32,
) -> Result<Option<String>, StoreError> {
    let mut sql = QueryBuilder::<Database>::new("SELECT id FROM endpoints");
    push_range(&mut sql, query);
    sql.push(" ORDER BY id LIMIT 1 OFFSET ")
        .push_bind(i64::from(examined) - 1);
    Ok(sql.build_query_scalar().fetch_optional(pool).await?)
}

pub(super) async fn endpoint_row(
    pool: &Pool,
    id: &str,
    now: Timestamp,
) -> Result<Option<EndpointRow>, StoreError> {
    let mut sql = select(now);
    sql.push(" FROM endpoints AS e WHERE e.id = ").push_bind(id);
    let found: Option<Row> = sql.build_query_as().fetch_optional(pool).await?;
    found.map(row).transpose()
}

pub(super) async fn audit_page(
    pool: &Pool,
    filter: &AuditFilter,
    limit: u32,
) -> Result<Vec<AuditLine>, StoreError> {
    let mut sql = QueryBuilder::<Database>::new(
        "SELECT number, at_ms, actor, origin, action, subject, detail, digest FROM audit WHERE 1 = 1",
    );
    if !filter.subjects.is_empty() {
        sql.push(" AND subject IN (");
        let mut subjects = sql.separated(", ");
        for subject in &filter.subjects {
            subjects.push_bind(subject.clone());
        }
        sql.push(")");
    }
    if let Some(action) = &filter.action {
        sql.push(" AND action = ").push_bind(action.clone());
    }
    if let Some(before) = filter.before {
        sql.push(" AND number < ").push_bind(before);
    }
    sql.push(" ORDER BY number DESC LIMIT ")
        .push_bind(i64::from(limit));
    let found: Vec<audit::Row> = sql.build_query_as().fetch_all(pool).await?;
    found.into_iter().map(audit::line).collect()
}

/// The columns of [`Row`]. Its three subqueries read the primary key of the versions.
fn select(now: Timestamp) -> QueryBuilder<Database> {
    let versions = format!(
        "FROM secret_versions AS v WHERE v.scope = {} AND v.slot = {}",
        dialect::SECRET_SCOPE,
        dialect::SECRET_SLOT
    );
    let mut sql = QueryBuilder::<Database>::new(
        "SELECT e.definition, e.generation, e.created_ms, e.updated_ms, ",
    );
    sql.push(format!(
        "(SELECT max(v.version) {versions} AND v.ends_ms IS NULL), \
         (SELECT max(v.kind) {versions} AND v.ends_ms IS NULL), \
         (SELECT max(v.ends_ms) {versions} AND v.ends_ms > "
    ));
    sql.push_bind(now.as_millisecond());
    // A version that ended when the current one began is over, however wrong a clock is.
    sql.push(AFTER_THE_CURRENT_BEGAN).push(")");
    sql
}

/// Whether the page has a condition that the range of ids and organisations does not express.
fn is_filtered(query: &EndpointQuery) -> bool {
    let has_workspace = query.scopes.iter().any(|scope| scope.workspace.is_some());
    query.target.is_some()
        || query.search.is_some()
        || query.state.is_some()
        || (has_workspace && !covers_everything(query))
}

/// Whether one of the scopes is every organisation.
fn covers_everything(query: &EndpointQuery) -> bool {
    let mut scopes = query.scopes.iter();
    scopes.any(|scope| scope.organisation.is_none() && scope.workspace.is_none())
}

/// The organisations of the scopes; `None` if one of them is every organisation.
fn organisations(query: &EndpointQuery) -> Option<Vec<&str>> {
    let organisations = query.scopes.iter().map(|it| it.organisation.as_deref());
    organisations.collect()
}

fn push_range(sql: &mut QueryBuilder<Database>, query: &EndpointQuery) {
    sql.push(" WHERE id > ")
        .push_bind(query.after.clone().unwrap_or_default());
    if let Some(organisations) = organisations(query) {
        sql.push(" AND organisation IN (");
        let mut list = sql.separated(", ");
        for organisation in organisations {
            list.push_bind(organisation.to_owned());
        }
        sql.push(")");
    }
}

fn push_filters(sql: &mut QueryBuilder<Database>, query: &EndpointQuery) {
    if !covers_everything(query) {
        sql.push(" AND (1 = 0");
        for OwnerScope {
            organisation,
            workspace,
        } in &query.scopes
        {
            sql.push(" OR (1 = 1");
            if let Some(organisation) = organisation {
                sql.push(" AND e.organisation = ")
                    .push_bind(organisation.clone());
            }
            if let Some(workspace) = workspace {
                sql.push(" AND e.workspace = ").push_bind(workspace.clone());
            }
            sql.push(")");
        }
        sql.push(")");
    }
    if let Some(target) = query.target {
        sql.push(format!(" AND {} = ", dialect::TARGET))
            .push_bind(target.word());
    }
    if let Some(search) = &query.search {
        let pattern = like_pattern(search);
        sql.push(" AND (lower(e.id) LIKE ")
            .push_bind(pattern.clone())
            .push(" ESCAPE '!' OR EXISTS (SELECT 1 FROM aliases AS a WHERE a.endpoint = e.id AND lower(a.path) LIKE ")
            .push_bind(pattern)
            .push(" ESCAPE '!'))");
    }
    let versions = format!(
        "(SELECT 1 FROM secret_versions AS v WHERE v.scope = {} AND v.slot = {} AND ",
        dialect::SECRET_SCOPE,
        dialect::SECRET_SLOT
    );
    match query.state {
        None => {}
        Some(StateFilter::Disabled) => {
            sql.push(format!(" AND {}", dialect::DISABLED));
        }
        Some(StateFilter::Unauthenticated) => {
            sql.push(format!(" AND {} = 'none'", dialect::MODE));
        }
        Some(StateFilter::Unbound) => {
            sql.push(format!(
                " AND e.secret IS NOT NULL AND NOT EXISTS {versions} v.ends_ms IS NULL)"
            ));
        }
        Some(StateFilter::Overlap) => {
            sql.push(format!(" AND EXISTS {versions} v.ends_ms > "))
                .push_bind(query.now.as_millisecond())
                .push(AFTER_THE_CURRENT_BEGAN)
                .push(")");
        }
        Some(StateFilter::Refusing) => {
            let since = query.now.checked_sub(DAY).unwrap_or(Timestamp::MIN);
            sql.push(
                " AND EXISTS (SELECT 1 FROM delivery_hourly AS d WHERE d.endpoint = e.id \
                 AND d.generation = e.generation AND d.refused > 0 AND d.hour_ms > ",
            )
            .push_bind(since.as_millisecond())
            .push(")");
        }
    }
}

/// Excludes a version that ended when the current one began, and every version without a current one.
const AFTER_THE_CURRENT_BEGAN: &str = " AND v.ends_ms > (SELECT max(c.created_ms) FROM secret_versions AS c \
     WHERE c.scope = v.scope AND c.slot = v.slot AND c.ends_ms IS NULL)";

/// Deliveries are counted by hour, and a page shows the last 24 hours.
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// The pattern of `LIKE` for text that contains `search`, with `!` as the escape character.
fn like_pattern(search: &str) -> String {
    let mut pattern = String::from("%");
    for character in search.to_lowercase().chars() {
        if matches!(character, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(character);
    }
    pattern.push('%');
    pattern
}

type Row = (
    String,
    i64,
    i64,
    i64,
    Option<i64>,
    Option<String>,
    Option<i64>,
);

fn row(
    (definition, generation, created, updated, version, kind, previous_ends): Row,
) -> Result<EndpointRow, StoreError> {
    let current = match version {
        None => None,
        Some(version) => Some(CurrentVersion {
            number: rows::number(version)?,
            kind: kind.as_deref().and_then(|word| word.parse().ok()),
        }),
    };
    Ok(EndpointRow {
        definition: rows::definition(&definition)?,
        generation,
        created_at: rows::time(created)?,
        updated_at: rows::time(updated)?,
        current,
        previous_ends_at: previous_ends.map(rows::time).transpose()?,
    })
}
