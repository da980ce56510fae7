//! The `portcullis` program. All code is in the library, so that tests and benchmarks can use it.

/// Each body has one contiguous buffer, of many sizes and on many threads. jemalloc returns that memory to the system
/// where the default allocator keeps it (docs/develop/adr/0041-jemalloc.md).
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> std::process::ExitCode {
    portcullis::cli::main()
}
