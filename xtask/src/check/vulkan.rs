//! A Vulkan driver for the tests of `weft-weights-gpu`: a real one, else Mesa's lavapipe, which runs on the CPU.

use std::fs;
use std::path::Path;

use anyhow::Result;

use crate::proc;

/// Where drivers announce themselves to the Vulkan loader.
const ANNOUNCED: [&str; 4] =
    ["/usr/share/vulkan/icd.d", "/etc/vulkan/icd.d", "/usr/local/share/vulkan/icd.d", "/run/opengl-driver/share/vulkan/icd.d"];

/// True when there is a driver, after Debian's package was installed where we may; its tests must then find a device.
pub(crate) fn ensure() -> Result<bool> {
    if !cfg!(target_os = "linux") {
        // Metal and DX12 come with the system; whether there is a device, the tests find out.
        return Ok(false);
    }
    if !installed() {
        proc::apt_install(&["mesa-vulkan-drivers", "libvulkan1"])?;
    }
    Ok(installed())
}

fn installed() -> bool {
    ANNOUNCED.iter().any(|folder| fs::read_dir(Path::new(folder)).is_ok_and(|mut drivers| drivers.next().is_some()))
}
