//! The compiled shaders.

use wgpu::{ComputePipeline, ComputePipelineDescriptor, Device, PipelineCompilationOptions, ShaderModuleDescriptor, ShaderSource};

/// One pipeline per kernel.
#[derive(Debug)]
pub(super) struct Kernels {
    pub(super) gram: ComputePipeline,
    pub(super) total: ComputePipeline,
    pub(super) apply: ComputePipeline,
}

impl Kernels {
    /// Compiles; call inside of an error scope.
    pub(super) fn new(device: &Device) -> Self {
        Self {
            gram: pipeline(device, "gram", concat!(include_str!("numbers.wgsl"), include_str!("gram.wgsl"))),
            total: pipeline(device, "total", include_str!("total.wgsl")),
            apply: pipeline(device, "apply", concat!(include_str!("numbers.wgsl"), include_str!("apply.wgsl"))),
        }
    }
}

fn pipeline(device: &Device, label: &str, source: &'static str) -> ComputePipeline {
    let module = device.create_shader_module(ShaderModuleDescriptor { label: Some(label), source: ShaderSource::Wgsl(source.into()) });
    device.create_compute_pipeline(&ComputePipelineDescriptor {
        label: Some(label),
        layout: None,
        module: &module,
        entry_point: Some("main"),
        // Every value of workgroup memory is written before it is read.
        compilation_options: PipelineCompilationOptions {
            zero_initialize_workgroup_memory: false,
            ..PipelineCompilationOptions::default()
        },
        cache: None,
    })
}
