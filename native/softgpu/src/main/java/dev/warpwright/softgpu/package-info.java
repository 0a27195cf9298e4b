/**
 * A software GPU for tests and analysis: a stand-in for the CUDA driver library, so that JCuda's
 * driver API works on any machine, and what a test needs around it.
 */
@NullMarked
package dev.warpwright.softgpu;

import org.jspecify.annotations.NullMarked;
