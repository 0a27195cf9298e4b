/**
 * The stand-in driver: an ELF image written by Java whose functions call back into Java, and the
 * state of the simulated driver behind them.
 */
@NullMarked
package dev.warpwright.softgpu.driver;

import org.jspecify.annotations.NullMarked;
