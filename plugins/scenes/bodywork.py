"""Paints a vehicle: side outlines extruded to its width, then glass, wheels, lamps and the shadow under it."""

from __future__ import annotations

from collections.abc import Sequence
from math import cos, sin, tau

from .canvas import ASPHALT, BLACK, GLASS, METAL, RUBBER, Canvas, Colour, Point, Surface, tinted
from .vehicles import Body, Pose, Vehicle

TRIM: Colour = (0.08, 0.08, 0.09)
PANE: Colour = (0.16, 0.2, 0.24)
TYRE: Colour = (0.05, 0.05, 0.05)
RIM = tuple((cos(tau * i / 14), sin(tau * i / 14)) for i in range(14))
LEAN = 0.28
"""Share of the half width that the sides lose for each metre above the belt."""

Corner = tuple[float, float]


def paint_vehicle(canvas: Canvas, vehicle: Vehicle, pose: Pose) -> None:
    """Paint the vehicle and its shadow."""
    painter = _Painter(canvas, vehicle, pose)
    painter.shadow()
    painter.treads()
    for body in sorted(vehicle.model.bodies, key=lambda body: -pose.place(body.outline[1][0], 0, 0)[2]):
        painter.body(body)
    painter.rear()
    painter.front()


class _Painter:
    """The surfaces of one vehicle, and the parts that are made of them."""

    def __init__(self, canvas: Canvas, vehicle: Vehicle, pose: Pose) -> None:
        self.canvas, self.vehicle, self.pose, self.model = canvas, vehicle, pose, vehicle.model
        self.climate = climate = canvas.climate
        self.thing = canvas.add(self.model.label)
        body = 0.14 * vehicle.engine
        lamplit = climate.night and vehicle.running and self.model.label in ("bus", "minibus")
        self.paintwork = climate.surface(METAL, vehicle.paint, warmer=body)
        self.hood = climate.surface(METAL, vehicle.paint, warmer=vehicle.engine)
        self.grille = climate.surface(METAL, TRIM, warmer=1.2 * vehicle.engine)
        self.exhaust = climate.surface(METAL, TRIM, warmer=1.6 * vehicle.engine)
        self.cargo = climate.surface(METAL, vehicle.second, warmer=vehicle.cargo)
        self.glass = climate.surface(GLASS, PANE, warmer=vehicle.cabin, glow=(0.3, 0.27, 0.19) if lamplit else BLACK)
        self.trim = climate.surface(METAL, TRIM, warmer=body)
        self.plate = climate.surface(METAL, (0.9, 0.9, 0.85), warmer=body)
        self.tyre = climate.surface(RUBBER, TYRE, warmer=vehicle.tyres)
        self.hub = climate.surface(METAL, (0.55, 0.56, 0.58), warmer=1.3 * vehicle.tyres)

    def shadow(self) -> None:
        """Throw the shadow that the sun makes, and darken the ground below."""
        half, top = self.model.width / 2, max(y for body in self.model.bodies for _, y in body.outline)
        corners = [(along, across) for along in (0.1, self.model.length - 0.1) for across in (-half, half)]
        solid = [self.pose.place(along, y, across) for along, across in corners for y in (0.0, 0.9 * top)]
        self.canvas.cast(solid, standing=not self.vehicle.running)
        # No daylight falls under a vehicle; an engine that runs warms the ground there.
        under = self.climate.surface(ASPHALT, (0.07, 0.07, 0.07), warmer=5.0 if self.vehicle.running else -1.5)
        rear, nose = 0.15, self.model.length - 0.15
        rectangle = ((rear, -half), (nose, -half), (nose, half), (rear, half))
        self.canvas.ground([self.pose.place(a, 0.0, b) for a, b in rectangle], under._replace(heating=0.0))

    def treads(self) -> None:
        """Paint the tyres as they show below the rear and the front."""
        half = self.model.width / 2
        for along, radius in sorted(self.model.wheels, key=lambda wheel: -self.pose.place(wheel[0], 0, 0)[2]):
            end = along - radius if self._towards_camera(0.0, (-1.0, 0.0, 0.0)) else along + radius
            for side in (-1, 1):
                inner, outer, high = side * (half - 0.26), side * (half - 0.02), 1.5 * radius
                self._face([(end, 0.0, inner), (end, high, inner), (end, high, outer), (end, 0.0, outer)], self.tyre)

    def body(self, body: Body) -> None:
        """Paint the panels over the outline's edges that face the camera, then the nearer side."""
        skin = self._skin(body)
        edges = zip(body.outline, body.outline[1:], body.panels, strict=False)
        for start, stop, kind in sorted(edges, key=lambda edge: -self.pose.place(edge[0][0] + edge[1][0], 0, 0)[2]):
            normal = (start[1] - stop[1], stop[0] - start[0], 0.0)  # outward, as the outline runs over the roof
            if not self._towards_camera((start[0] + stop[0]) / 2, normal, (start[1] + stop[1]) / 2):
                continue
            self._panel(body, start, stop, 1.0, 1.0, self.hood if kind == "h" else skin)
            if kind == "g":
                self._panel(body, start, stop, 0.9, 0.88, self.glass)
            elif kind == "r":
                self._panel(body, start, stop, 0.66, 0.8, self.grille)
            elif kind == "c":
                self._panel(body, start, stop, 0.94, 0.92, tinted(skin, 0.86))
                self._panel(body, start, stop, 0.02, 0.92, tinted(skin, 0.6))
        for side in (-1.0, 1.0):
            if self._towards_camera(self.model.length / 2, (0.0, 0.0, side), 1.0, side * self.model.width / 2):
                self._side(body, side)

    def rear(self) -> None:
        """Paint bumper, lamps, number plate and exhaust if the camera sees the rear."""
        if not self._towards_camera(0.0, (-1.0, 0.0, 0.0)):
            return
        low, lamps, on = self.model.bodies[0].outline[0][1], self.model.lamps, self.vehicle.running
        glow = BLACK if not on else (0.9, 0.06, 0.04) if self.climate.night else (0.12, 0.0, 0.0)
        if self.model.label == "truck":
            self._badge(0.0, (-0.95, 0.95), (low - 0.35, low - 0.05), self.trim)
            lamps = low - 0.15
        lamp = self.climate.surface(METAL, (0.6, 0.05, 0.05), warmer=4.0 * on, glow=glow)
        self._pair(0.0, lamps, lamp)
        self._badge(0.0, (-0.98, 0.98), (low, low + 0.14), self.trim)
        self._badge(0.0, (-0.28, 0.28), (low + 0.2, low + 0.32), self.plate)
        self._badge(0.0, (-0.72, -0.5), (low - 0.08, low + 0.05), self.exhaust)

    def front(self) -> None:
        """Paint bumper, headlights, number plate and a bus's destination if the camera sees the front."""
        end = self.model.length
        if not self._towards_camera(end, (1.0, 0.0, 0.0)):
            return
        low, on, night = self.model.bodies[-1].outline[-1][1], self.vehicle.running, self.climate.night
        glow = BLACK if not on else (4.0, 3.8, 3.2) if night else (0.5, 0.5, 0.45)
        lamp = self.climate.surface(METAL, (0.9, 0.9, 0.86), warmer=10.0 * on, glow=glow)
        self._pair(end, self.model.lamps, lamp)
        self._badge(end, (-0.98, 0.98), (low, low + 0.14), self.trim)
        self._badge(end, (-0.28, 0.28), (low + 0.2, low + 0.32), self.plate)
        if self.model.label == "bus":
            amber = (1.2, 0.7, 0.1) if on and night else (0.35, 0.2, 0.02)
            self._badge(end, (-0.6, 0.6), (2.72, 3.0), self.climate.surface(GLASS, TRIM, warmer=8.0, glow=amber))

    def _side(self, body: Body, side: float) -> None:
        def flat(corners: Sequence[Corner]) -> list[Point]:
            return [(along, y, side * self._half(body, y)) for along, y in corners]

        self._face(flat(body.outline), self._skin(body))
        if body.cargo:
            lettering = self.climate.surface(METAL, self.vehicle.paint, warmer=self.vehicle.cargo)
            self._face(flat(((0.8, 1.7), (0.8, 2.7), (5.2, 2.7), (5.2, 1.7))), lettering)
            self._face(flat(((2.5, 0.4), (2.5, 0.95), (6.0, 0.95), (6.0, 0.4))), self.trim)
        for window in body.windows:
            self._face(flat(window), self.glass)
        for along, radius in self.model.wheels:
            if body.outline[0][0] <= along <= body.outline[-1][0]:
                for share, surface in ((1.22, self.trim), (1.0, self.tyre), (0.58, self.hub)):
                    rim = [(along + share * radius * a, max(radius + share * radius * b, 0.0)) for a, b in RIM]
                    self._face([(a, y, side * self.model.width / 2) for a, y in rim], surface)

    def _skin(self, body: Body) -> Surface:
        return self.cargo if body.cargo else self.paintwork

    def _pair(self, along: float, height: float, lamp: Surface) -> None:
        for left in (-0.93, 0.66):
            self._badge(along, (left, left + 0.27), (height - 0.09, height + 0.1), lamp)

    def _badge(self, along: float, across: Corner, heights: Corner, surface: Surface) -> None:
        """Paint a rectangle on the rear or front; `across` is in half widths."""
        left, right = (share * self.model.width / 2 for share in across)
        low, high = heights
        self._face([(along, low, left), (along, high, left), (along, high, right), (along, low, right)], surface)

    def _panel(self, body: Body, start: Corner, stop: Corner, wide: float, long: float, surface: Surface) -> None:
        """Paint the middle of the panel over an edge: `wide` and `long` are shares of its width and length."""
        corners: list[Point] = []
        for t, sides in ((0.5 - long / 2, (-wide, wide)), (0.5 + long / 2, (wide, -wide))):
            along, y = start[0] + t * (stop[0] - start[0]), start[1] + t * (stop[1] - start[1])
            corners += [(along, y, side * self._half(body, y)) for side in sides]
        self._face(corners, surface)

    def _half(self, body: Body, y: float) -> float:
        return self.model.width / 2 * (1 - LEAN * max(y - body.belt, 0.0))

    def _face(self, corners: Sequence[Point], surface: Surface) -> None:
        self.canvas.face([self.pose.place(*corner) for corner in corners], surface, self.thing)

    def _towards_camera(self, along: float, normal: Point, y: float = 1.0, across: float = 0.0) -> bool:
        """Whether a part whose outward normal is (along, up, across) faces the camera."""
        camera, (x, y, z) = self.canvas.camera, self.pose.place(along, y, across)
        fx, fz = self.pose.heading
        nx, nz = normal[0] * fx + normal[2] * fz, normal[0] * fz - normal[2] * fx
        return (camera.x - x - camera.bend * z * z) * nx + (camera.height - y) * normal[1] - z * nz > 0
