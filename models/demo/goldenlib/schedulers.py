"""The schedulers whose results are kept: the name users know, diffusers' class, its settings, and whether it draws noise."""

import diffusers

BETAS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "num_train_timesteps": 1000}


def _make(name: str, **settings):
    return lambda prediction: getattr(diffusers, name)(**BETAS | {"prediction_type": prediction} | settings)


def sd_schedulers() -> dict:
    """Name to a function of the prediction type. A name that ends in "~" draws noise at every step."""
    return {
        "euler": _make("EulerDiscreteScheduler", timestep_spacing="linspace"),
        "euler_karras": _make("EulerDiscreteScheduler", timestep_spacing="linspace", use_karras_sigmas=True),
        "euler_exponential": _make("EulerDiscreteScheduler", timestep_spacing="linspace", use_exponential_sigmas=True),
        "euler_trailing": _make("EulerDiscreteScheduler", timestep_spacing="trailing"),
        "euler_leading": _make("EulerDiscreteScheduler", timestep_spacing="leading", steps_offset=1),
        "heun": _make("HeunDiscreteScheduler", timestep_spacing="linspace"),
        "dpm2": _make("KDPM2DiscreteScheduler", timestep_spacing="linspace"),
        "dpmpp_2m": _make("DPMSolverMultistepScheduler", algorithm_type="dpmsolver++", solver_order=2, timestep_spacing="linspace"),
        "dpmpp_2m_karras": _make("DPMSolverMultistepScheduler", algorithm_type="dpmsolver++", solver_order=2, use_karras_sigmas=True, timestep_spacing="linspace"),
        "dpmpp_2s": _make("DPMSolverSinglestepScheduler", algorithm_type="dpmsolver++", solver_order=2),
        "ddim": _make("DDIMScheduler", timestep_spacing="leading", steps_offset=1, clip_sample=False, set_alpha_to_one=False),
        "ddim_trailing": _make("DDIMScheduler", timestep_spacing="trailing", clip_sample=False, set_alpha_to_one=True),
        "unipc": _make("UniPCMultistepScheduler", solver_order=2, solver_type="bh2", timestep_spacing="linspace"),
        "euler_a~": _make("EulerAncestralDiscreteScheduler", timestep_spacing="linspace"),
        "dpm2_a~": _make("KDPM2AncestralDiscreteScheduler", timestep_spacing="linspace"),
        "dpmpp_2m_sde~": _make("DPMSolverMultistepScheduler", algorithm_type="sde-dpmsolver++", solver_order=2, timestep_spacing="linspace"),
        "lcm~": _make("LCMScheduler", timestep_spacing="leading", clip_sample=False, original_inference_steps=50),
    }
