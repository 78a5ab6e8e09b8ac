// Many points drawn by WebGL: one round dot each, in one call.

import type { Camera } from "./camera";

const VERTEX = `
attribute vec2 place;
attribute vec4 colour;
uniform vec2 middle;
uniform vec2 scale;
uniform float size;
varying vec4 shade;
void main() {
  gl_Position = vec4((place - middle) * scale, 0.0, 1.0);
  gl_PointSize = size;
  shade = colour;
}`;

const FRAGMENT = `
precision mediump float;
varying vec4 shade;
void main() {
  float far = length(gl_PointCoord - 0.5);
  float edge = 1.0 - smoothstep(0.38, 0.5, far);
  gl_FragColor = vec4(shade.rgb * shade.a * edge, shade.a * edge);
}`;

/** How large a dot is, in pixels of the screen: smaller where there are many on little room, larger close up. */
export function dotSize(count: number, zoomed: number, width: number): number {
  const base = count > 200_000 ? 2 : count > 20_000 ? 3 : count > 2000 ? 5 : count > 200 ? 8 : 11;
  const room = count > 200 ? Math.max(0.55, Math.min(1, width / 700)) : 1;
  return Math.min(14, base * room * Math.max(1, Math.sqrt(zoomed) * 0.8));
}

/** An order of `count` things in which the first ones are spread evenly over all: steps of the golden ratio. */
export function spreadOrder(count: number): Uint32Array<ArrayBuffer> {
  const order = new Uint32Array(count);
  let step = Math.max(1, Math.round(count * 0.6180339887));
  while (gcd(step, count) > 1) step++;
  for (let i = 0, at = 0; i < count; i++, at = (at + step) % count) order[i] = at;
  return order;
}

function gcd(a: number, b: number): number {
  return b ? gcd(b, a % b) : a;
}

export class Points {
  readonly canvas: HTMLCanvasElement;
  #gl: WebGLRenderingContext | null;
  #uniforms: Record<"middle" | "scale" | "size", WebGLUniformLocation | null> = { middle: null, scale: null, size: null };
  #buffers: { place: WebGLBuffer; colour: WebGLBuffer } | null = null;
  #count = 0;
  #order = new Uint32Array(0);
  #xy: Float32Array = new Float32Array(0);
  #colours: Uint8Array = new Uint8Array(0);

  /** `onBack`: the graphics card was taken away and is there again: draw once more. */
  constructor(canvas: HTMLCanvasElement, onBack: () => void) {
    this.canvas = canvas;
    this.#gl = canvas.getContext("webgl", { antialias: false, premultipliedAlpha: true, preserveDrawingBuffer: true });
    if (this.#gl) this.#prepare(this.#gl);
    canvas.addEventListener("webglcontextlost", (event) => event.preventDefault()); // else it never comes back
    canvas.addEventListener("webglcontextrestored", () => {
      if (this.#gl) this.#prepare(this.#gl);
      this.set(this.#xy, this.#colours);
      onBack();
    });
  }

  /** Whether this browser can draw points at all. */
  get works(): boolean {
    return this.#buffers !== null;
  }

  get count(): number {
    return this.#count;
  }

  /** Take new points: pairs of places, and four bytes of colour each. */
  set(xy: Float32Array, colours: Uint8Array): void {
    const gl = this.#gl;
    if (!gl || !this.#buffers) return;
    this.#xy = xy;
    this.#count = xy.length / 2;
    this.#order = spreadOrder(this.#count);
    const places = new Float32Array(xy.length);
    this.#order.forEach((from, to) => {
      places[2 * to] = xy[2 * from] as number;
      places[2 * to + 1] = xy[2 * from + 1] as number;
    });
    gl.bindBuffer(gl.ARRAY_BUFFER, this.#buffers.place);
    gl.bufferData(gl.ARRAY_BUFFER, places, gl.STATIC_DRAW);
    this.setColours(colours);
  }

  setColours(colours: Uint8Array): void {
    const gl = this.#gl;
    if (!gl || !this.#buffers || colours.length < 4 * this.#count) return;
    this.#colours = colours;
    const given = new Uint32Array(colours.buffer, colours.byteOffset, this.#count);
    const laid = new Uint32Array(this.#count);
    for (let to = 0; to < this.#count; to++) laid[to] = given[this.#order[to] as number] as number;
    gl.bindBuffer(gl.ARRAY_BUFFER, this.#buffers.colour);
    gl.bufferData(gl.ARRAY_BUFFER, laid, gl.DYNAMIC_DRAW);
  }

  /**
   * Draw what the camera sees on a canvas of `width` times `height` pixels of the page: `share` points from the
   * `from`-th on. The first ones clear the canvas.
   */
  draw(camera: Camera, width: number, height: number, size: number, from: number, share: number): void {
    const gl = this.#gl;
    if (!gl || !this.#buffers) return;
    const ratio = window.devicePixelRatio || 1;
    const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (this.canvas.width !== w) this.canvas.width = w;
    if (this.canvas.height !== h) this.canvas.height = h;
    gl.viewport(0, 0, w, h);
    gl.clearColor(0, 0, 0, 0);
    if (!from) gl.clear(gl.COLOR_BUFFER_BIT);
    gl.uniform2f(this.#uniforms.middle, camera.x, camera.y);
    gl.uniform2f(this.#uniforms.scale, (2 * camera.scale) / width, (2 * camera.scale) / height);
    gl.uniform1f(this.#uniforms.size, size * ratio);
    gl.drawArrays(gl.POINTS, from, Math.max(0, Math.min(this.#count - from, share)));
  }

  #prepare(gl: WebGLRenderingContext): void {
    const program = gl.createProgram();
    for (const [kind, text] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]] as const) {
      const shader = gl.createShader(kind);
      if (!shader) return;
      gl.shaderSource(shader, text);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS)) return;
    gl.useProgram(program);
    this.#uniforms = {
      middle: gl.getUniformLocation(program, "middle"),
      scale: gl.getUniformLocation(program, "scale"),
      size: gl.getUniformLocation(program, "size"),
    };
    const place = this.#attribute(gl, program, "place", 2, gl.FLOAT, false);
    const colour = this.#attribute(gl, program, "colour", 4, gl.UNSIGNED_BYTE, true);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    if (place && colour) this.#buffers = { place, colour };
  }

  #attribute(gl: WebGLRenderingContext, program: WebGLProgram, name: string, size: number, type: number, share: boolean): WebGLBuffer | null {
    const buffer = gl.createBuffer();
    const at = gl.getAttribLocation(program, name);
    gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
    gl.enableVertexAttribArray(at);
    gl.vertexAttribPointer(at, size, type, share, 0, 0);
    return buffer;
  }
}
