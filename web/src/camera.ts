// Where the map looks: its middle and its scale, and the way between pixels and the layout's own units.

/** The middle in units of the layout, and pixels per unit. */
export interface Camera {
  x: number;
  y: number;
  scale: number;
}

/** The camera that shows a rectangle whole, with some air around. */
export function fit(bounds: readonly [number, number, number, number], width: number, height: number): Camera {
  const [left, bottom, right, top] = bounds;
  const scale = 0.92 * Math.min(width / Math.max(right - left, 1e-6), height / Math.max(top - bottom, 1e-6));
  return { x: (left + right) / 2, y: (bottom + top) / 2, scale };
}

/** Pixels (from the upper left) of a spot of the layout. */
export function toPixels(camera: Camera, x: number, y: number, width: number, height: number): [number, number] {
  return [width / 2 + (x - camera.x) * camera.scale, height / 2 - (y - camera.y) * camera.scale];
}

/** The spot of the layout below a pixel. */
export function fromPixels(camera: Camera, px: number, py: number, width: number, height: number): [number, number] {
  return [camera.x + (px - width / 2) / camera.scale, camera.y - (py - height / 2) / camera.scale];
}

/** Move by pixels. */
export function pan(camera: Camera, dx: number, dy: number): Camera {
  return { ...camera, x: camera.x - dx / camera.scale, y: camera.y + dy / camera.scale };
}

/** Zoom by a factor; what lies below the pixel stays there. */
export function zoom(camera: Camera, factor: number, px: number, py: number, width: number, height: number): Camera {
  const [x, y] = fromPixels(camera, px, py, width, height);
  const scale = camera.scale * factor;
  return { x: x - (px - width / 2) / scale, y: y + (py - height / 2) / scale, scale };
}
