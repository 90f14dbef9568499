"""ThermalGAN (Kniaz et al. 2018): a thermal segmentation, then the contrasts inside its objects."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from zoo.contracts import Batch, Method, OptimizerSpec, Parts, State
from zoo.layers.pixels import shown_degrees, to_celsius, to_range

from .config import ContrastConfig, ThermalGANConfig
from .inputs import Inputs
from .steps import ContrastStep, SegmentationStep


class ThermalGAN(Method):
    """Two steps, trained at the same time and chained when they translate.

    Step 1 paints a thermal segmentation S, step 2 adds relative temperatures R to what is seen and S; the temperature is
    `label_scale` S + `contrast` R degrees Celsius. In training, step 2 is given the real segmentation; in `translate` that of
    step 1. With `label_mode=none` there is no step 1, and step 2 translates to thermal images.
    """

    def __init__(self, config: ThermalGANConfig, parts: Parts) -> None:
        super().__init__()
        self.config = config
        self.test_mode = config.evaluation
        self.normalizer = parts.normalizer
        self.thermal_channels = parts.thermal_channels
        self.inputs = Inputs(config, parts)
        seen = self.inputs.seen_channels
        if config.label_mode == "none":
            self.step1 = None
            self.step2 = ContrastStep(config, parts, channels=seen, out_channels=parts.thermal_channels)
            self.inference = ("step2.G",)
        else:
            self.step1 = SegmentationStep(config, parts, self.inputs.condition_channels)
            self.step2 = ContrastStep(config, parts, channels=seen + 1, out_channels=1)
            self.inference = ("step1.G", "step2.G")
        first = ("step1_generator", "step1_discriminator") if self.step1 else ()
        self.order = (*first, "step2_discriminator", "step2_generator")

    def prepare_training(self, parts: Parts) -> None:
        """Build the discriminators and the encoder."""
        if self.step1:
            self.step1.prepare_training(parts)
        self.step2.prepare_training(parts)

    def networks(self) -> dict[str, list[nn.Module]]:
        """Return the networks of both steps."""
        return {**(self.step1.networks() if self.step1 else {}), **self.step2.networks()}

    def optimizer(self, name: str) -> OptimizerSpec:
        """Return the same Adam for all."""
        return OptimizerSpec(lr=self.config.lr, betas=(self.config.beta1, self.config.beta2))

    def forward(self, batch: Batch) -> State:
        """Run both steps, the second one on the real segmentation."""
        seen = self.inputs.seen(batch)
        if not self.step1:
            second: State = self.step2(seen, batch["thermal"])
            return second
        real = self.inputs.segmentation(batch)
        first: State = self.step1(self.inputs.condition(batch), real)
        return {**first, **self.step2(torch.cat((seen, real), dim=1), self.inputs.relative(batch, real))}

    def losses(self, name: str, state: State) -> dict[str, Tensor]:
        """Return the weighted terms of one optimizer."""
        step = self.step1 if name.startswith("step1") else self.step2
        assert step is not None
        return step.generator_losses(state) if name.endswith("generator") else step.discriminator_losses(state)

    def after_step(self, name: str) -> None:
        """Let the normalizer change the discriminators' weights."""
        if name.endswith("discriminator"):
            for discriminator in self.networks()[name]:
                self.normalizer.after_step(discriminator)

    def segment(self, batch: Batch, code: Tensor | None = None) -> Tensor:
        """Return thermal segmentations [N, 1, H, W] in [-1, 1], 1 standing for `label_scale` degrees Celsius.

        Args:
            batch: `visible`; with `label_mode=given` also `labels` and, unless the classes' means over the training split
                will do, `temperatures`.
            code: latent codes [N, latent], each giving another segmentation; without one, zeros.

        Raises:
            UsageError: labels are needed and the batch has none.
        """
        assert self.step1 is not None, "label_mode=none has no segmentation"
        return self.step1.paint(self.inputs.condition(batch), code)

    def degrees(self, batch: Batch, code: Tensor | None = None) -> Tensor:
        """Return temperatures [N, 1, H, W] in degrees Celsius; arguments and errors are those of `segment`."""
        if not self.step1:
            assert self.inputs.thermal_range is not None
            return shown_degrees(self.translate(batch), self.inputs.thermal_range)
        segmentation = self.segment(batch, code)
        relative = self.step2.G(torch.cat((self.inputs.seen(batch), segmentation), dim=1))
        return self.inputs.recombine(segmentation, relative)

    def translate(self, batch: Batch) -> Tensor:
        """Return thermal images [N, C, H, W] in [-1, 1] over the dataset's thermal range; see `segment` for the batch."""
        if not self.step1:
            thermal: Tensor = self.step2.G(self.inputs.seen(batch))
            return thermal
        assert self.inputs.thermal_range is not None
        return to_range(self.degrees(batch), self.inputs.thermal_range).repeat(1, self.thermal_channels, 1, 1)


class Contrast(Method):
    """Step 2 alone, as in the authors' published code: a generator G of relative temperatures R.

    G reads a thermal segmentation S and the visible image, concatenated in this order.

    S counts `label_scale` degrees, R `contrast` degrees; `label_scale` S + `contrast` R is the temperature. The authors' code
    multiplies S by 30 where it divided by 40; 40 is what G was trained with.
    """

    inference = ("G",)

    def __init__(self, config: ContrastConfig, parts: Parts) -> None:
        super().__init__()
        assert parts.thermal_range is not None, "the format's row names the thermal range"
        self.config, self.thermal_range, self.test_mode = config, parts.thermal_range, config.evaluation
        self.thermal_channels = parts.thermal_channels
        self.G = parts.generator(in_channels=1 + parts.visible_channels, out_channels=1)

    def degrees(self, batch: Batch) -> Tensor:
        """Return temperatures [N, 1, H, W] in degrees Celsius."""
        celsius_of_objects = to_celsius(batch["thermal_segmentation"], self.thermal_range)
        segmentation = (celsius_of_objects / self.config.label_scale).clamp(-1, 1)
        relative = self.G(torch.cat((segmentation, batch["visible"]), dim=1))
        celsius: Tensor = self.config.label_scale * segmentation + self.config.contrast * relative
        return celsius

    def translate(self, batch: Batch) -> Tensor:
        """Return thermal images [N, C, H, W] in [-1, 1] over the thermal range."""
        return to_range(self.degrees(batch), self.thermal_range).repeat(1, self.thermal_channels, 1, 1)
