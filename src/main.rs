//! The program. Everything is in the library, so that tests and benchmarks can reach it.

/// One contiguous buffer a body, many sizes, many threads: jemalloc gives memory back where the
/// system's allocator keeps it (docs/develop/adr/0041-jemalloc.md).
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> std::process::ExitCode {
    portcullis::cli::main()
}
