/**
 * Executes PTX warp by warp, with checks of every memory access and synchronisation and with exact
 * counters. {@link dev.warpwright.softgpu.sim.PtxModule} decodes and refuses what it does not know;
 * {@link dev.warpwright.softgpu.sim.Simulator} runs launches.
 */
@NullMarked
package dev.warpwright.softgpu.sim;

import org.jspecify.annotations.NullMarked;
