package dev.warpwright.softgpu;

import dev.warpwright.softgpu.sim.LaunchReport;

/**
 * A kernel that was executed.
 *
 * @param kernel its name
 * @param report its counters
 */
public record ExecutedLaunch(String kernel, LaunchReport report) {}
